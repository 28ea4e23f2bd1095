"""The ``decentralizepy`` command, which dispatches to its subcommands."""

import sys
from collections.abc import Sequence

from decentralizepy import factory
from decentralizepy.errors import did_you_mean
from decentralizepy.monitor import output

COMMANDS = (
    "init",
    "check",
    "run",
    "watch",
    "submit",
    "sweep",
    "reproduce",
    "rerun",
    "graph",
    "plot",
    "compare",
    "report",
    "audit",
    "final",
    "network",
    "data",
    "keys",
    "completion",
)
USAGE = """\
usage: decentralizepy COMMAND ...

  init [FILE.ini]        write a complete, commented INI file
  check FILE.ini [FLAGS] check an experiment, and show what it resolves to
  run FILE.ini [FLAGS]   run this machine's nodes of an experiment, or try: run digits
  watch LOGDIR           show the progress of a run, from another terminal
  submit FILE.ini ...    run it on several machines as a Slurm job
  sweep FILE.ini FLAGS   run it with many settings and seeds, and resume what was stopped
  reproduce [NAME]       run the experiment of a paper, and judge its claims
  rerun LOGDIR           repeat a run, and say whether the bits are the same
  graph FLAGS            write a graph file (graph -h: kinds and flags)
  plot DIR ...           plot finished runs: accuracy, loss and bytes
  final LOGDIR DIR ...   metrics over the final models of several machines
  network FOLDER ...     the virtual time of a run on several machines, or on another network
  compare RUN ...        compare runs, with intervals over seeds: a table and a figure
  report RUN ...         show runs on an HTML page: curves, nodes, graph, failures
  audit RUN ...          what observing nodes learn of their neighbors' data
  data COMMAND ...       data sets: list, download, prepare, verify, describe
  keys FLAGS             create keys for security = mac or curve (keys -h: the flags)
  completion SHELL       print a script with which bash, zsh or fish complete commands

Run any command with -h for its flags.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command not in COMMANDS:
        if command:
            hint = did_you_mean(command, COMMANDS)
            print(f"{command}: no such command{hint}", file=sys.stderr)
        print(USAGE, end="", file=sys.stderr)
        return 2
    run = factory.load(f"decentralizepy.commands.{command}", "main")
    try:
        status: int = run(rest)
        sys.stdout.flush()
    except BrokenPipeError:
        if not output.is_closed(sys.stdout):
            raise
        status = 1  # as of other programs whose reader, such as head, has seen enough
    return status
