"""Entry point of all plotting scripts: parse arguments, draw, write the files."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic

Files = dict[Path, bytes]
"""The content of each file to be written."""


def run(
    parser: ArgumentParser,
    draw: Callable[[Namespace], Files],
    argv: Sequence[str] | None,
) -> int:
    """Draw everything before writing any file; return the exit status.

    User errors are reported in one line on standard error, with status 2.
    """
    args = parser.parse_args(argv)
    try:
        files = draw(args)
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)
    except (ConfigError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    homes = dict.fromkeys(str(path.parent) for path in files)
    plural = "s" * (len(files) > 1)
    print(f"{len(files)} file{plural} written to {', '.join(homes)}")
    return 0
