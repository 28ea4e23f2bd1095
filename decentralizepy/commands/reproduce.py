"""``decentralizepy reproduce``: run a paper's experiment, and judge its claims."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from decentralizepy.commands import sweep
from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError
from decentralizepy.machine import Machine
from decentralizepy.reproduce import catalogue
from decentralizepy.sweeps import points


def main(argv: Sequence[str] | None = None) -> int:
    """Reproduce a study, or list all.

    Returns
    -------
    int
        The exit status: 0 whatever the verdicts are, 1 if a run failed, 2 for a mistake
        by the user, 130 after Ctrl-C.
    """
    try:
        args = parser().parse_args(argv)
        if args.name is None:
            print(listing(), end="")
            return 0
        return reproduce(args)
    except ConfigError as error:
        print(f"reproduce: {error}", file=sys.stderr)
        return error.exit_status


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "reproduce",
        "Run the experiment of a paper at a small size with several seeds, and judge each "
        "of its claims by intervals over seeds. Without a name, list the studies. Runs "
        "that are done are not repeated: the same command resumes a study.",
        "reproduce",
        "reproduce topology",
    )
    add = parser.add_argument
    add("name", metavar="NAME", nargs="?", help="the study")
    add("--seeds", default="1..5", metavar="1..5", help="of data, models and graphs")
    add("--rounds", type=int, metavar="N", help="fewer rounds, to try it")
    add("--jobs", type=int, metavar="N", help="runs at once (default: one per core)")
    add("-o", "--output", type=Path, metavar="DIR", help="default: reproduce_NAME")
    return parser


def listing() -> str:
    """Return the studies with their papers, claims and minutes, as text."""
    lines = []
    for name, study in catalogue.STUDIES.items():
        lines += [f"{name} ({study.minutes:g} minutes)", f"  {study.about}"]
        lines += [f"  {study.paper}"]
    lines.append("run one: decentralizepy reproduce NAME (times: two idle cores)")
    return "\n".join([*lines, ""])


def reproduce(args: argparse.Namespace) -> int:
    """Run a study, judge its claims and write what came out; return the exit status."""
    from decentralizepy.reproduce import folder as folders
    from decentralizepy.reproduce.judge import judge

    study = catalogue.find(args.name)
    seeds = points.seeds(args.seeds)
    rounds = _positive("rounds", args.rounds, study.rounds)
    jobs = _positive("jobs", args.jobs, max(1, int(Machine().cores())))
    folder = args.output or Path(f"reproduce_{args.name}")
    folders.prepare(study, folder)
    words = folders.sweep_words(study, folder, args.seeds, rounds)
    if status := sweep.main([*words, "--jobs", str(jobs)]):
        if status == 1:
            print("no verdicts: some runs failed; the same command repeats them")
        return status
    methods = folders.read_methods(study, folder, seeds)
    heading = f"{args.name}: {study.paper}"
    commands = [_words(args, folder), ["decentralizepy", "sweep", *words]]
    verdicts = judge(study.claims, methods)
    print(folders.conclude(folder, heading, commands, methods, verdicts), end="")
    print(f"{folder}: figure.png, figure.pdf, table.md, verdicts.txt written")
    return 0


def _positive(flag: str, number: int | None, default: int) -> int:
    if number is not None and number < 1:
        raise ConfigError(f"--{flag} {number}: expected an integer, at least 1")
    return default if number is None else number


def _words(args: argparse.Namespace, folder: Path) -> list[str]:
    rounds = [] if args.rounds is None else ["--rounds", str(args.rounds)]
    place = ["--seeds", args.seeds, *rounds, "-o", str(folder)]
    return ["decentralizepy", "reproduce", args.name, *place]
