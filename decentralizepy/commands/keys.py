"""``decentralizepy keys``: create the keys for ``security = mac`` or ``curve``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from decentralizepy.commands.parsers import Parser
from decentralizepy.communication import keys
from decentralizepy.errors import ConfigError, DecentralizepyError


def main(argv: Sequence[str] | None = None) -> int:
    """Create keys, and print what to copy where; return the exit status."""
    try:
        print(make(parser().parse_args(argv)))
    except DecentralizepyError as error:
        print(f"decentralizepy keys: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def make(args: argparse.Namespace) -> str:
    """Write the requested files; return instructions for them.

    Raises
    ------
    ConfigError
        If the flags conflict, or a file exists already or cannot be written.
    """
    if args.mac and not args.folder:
        keys.make_mac(Path(args.mac))
        return (
            f"{args.mac}: a key for one run; copy it to every machine, and set there"
            f" security = mac and key_file = {args.mac}"
        )
    if args.mac or not args.folder or args.nodes is None:
        raise ConfigError("expected either --mac FILE or DIR --nodes N")
    if args.nodes < 1 or args.services < 0:
        raise ConfigError("--nodes is at least 1, --services at least 0")
    keys.make_curve(Path(args.folder), range(-args.services, args.nodes))
    return (
        f"{args.folder}: keys of {args.nodes} nodes and {args.services} services; copy"
        f" {keys.PUBLIC} and the secrets of its own nodes to each machine, and set"
        f" there security = curve and keys_dir = {args.folder}"
    )


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "keys",
        "Create keys for security = mac or curve. No file is replaced.",
        "keys keys --nodes 16",
        "keys --mac run.key",
    )
    add = parser.add_argument
    add("folder", nargs="?", metavar="DIR", help="folder for the keys of curve")
    add("--nodes", type=int, metavar="N", help="number of nodes on all machines")
    add(
        "--services",
        type=int,
        default=0,
        metavar="N",
        help="number of services: uids -1, -2, ...",
    )
    add("--mac", metavar="FILE", help="create a key for mac instead")
    return parser
