"""The ``decentralizepy`` command."""

import sys
from collections.abc import Sequence

USAGE = """\
usage: decentralizepy COMMAND ...

  run FILE.ini [FLAGS]   run an experiment's nodes of this machine (run -h: the flags)
  graph FLAGS            write a graph file (graph -h: kinds and flags)
  plot DIR ...           draw finished runs: accuracy, loss and bytes
  compare RUN ...        a table and a picture of runs: accuracy against bytes
  data COMMAND ...       data sets: list, download, prepare, verify, describe
  keys FLAGS             make the keys of a closed network (keys -h: the flags)

Each command tells its flags with -h.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a sub-command and return the exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command not in COMMANDS:
        print(USAGE, end="", file=sys.stderr)
        return 2
    return COMMANDS[command](rest)


def run(argv: list[str]) -> int:
    """Run an experiment; the first word may be the INI file."""
    from decentralizepy.launcher import launch

    if argv and not argv[0].startswith("-"):
        argv = ["--config_file", *argv]
    launch(argv=argv)


def graph(argv: list[str]) -> int:
    """Write a graph file."""
    from decentralizepy.graphs.generate import main as generate

    return generate(argv)


def plot(argv: list[str]) -> int:
    """Draw finished runs."""
    from decentralizepy.plots import main as draw

    return draw(argv)


def compare(argv: list[str]) -> int:
    """Compare finished runs."""
    from decentralizepy.compare import main as tabulate

    return tabulate(argv)


def data(argv: list[str]) -> int:
    """List, download, prepare, verify or describe data sets."""
    from decentralizepy.data import main as manage

    return manage(argv)


def keys(argv: list[str]) -> int:
    """Make keys."""
    from decentralizepy.keys import main as make

    return make(argv)


COMMANDS = {
    "run": run,
    "graph": graph,
    "plot": plot,
    "compare": compare,
    "data": data,
    "keys": keys,
}
