"""``decentralizepy run``: run this machine's nodes of an experiment."""

from argparse import RawDescriptionHelpFormatter

from decentralizepy.launcher import launch
from decentralizepy.utils import file_first, make_parser

ABOUT = """\
Run this machine's nodes of an experiment. Section [RUN] of FILE.ini sets the same flags by
their long names; the command line takes precedence.

examples:
  decentralizepy run digits
  decentralizepy run config.ini -ps 16 -is 100 --set OPTIMIZER_PARAMS.lr=0.1 -ld runs/a
"""


def main(argv: list[str]) -> int:
    """Run an experiment; the first word may be the INI file."""
    parser = make_parser()
    parser.prog = "decentralizepy run"
    parser.usage = "decentralizepy run FILE.ini [FLAGS]"
    parser.description, parser.formatter_class = ABOUT, RawDescriptionHelpFormatter
    launch(argv=file_first(argv), parser=parser)
    return 0  # in a notebook; otherwise, it has exited
