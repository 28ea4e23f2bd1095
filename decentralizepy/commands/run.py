"""``decentralizepy run``: run this machine's nodes of an experiment."""

from argparse import ArgumentParser

from decentralizepy.commands.parsers import with_run_flags
from decentralizepy.launcher import launch
from decentralizepy.placement.remote import drive, is_remote
from decentralizepy.utils import file_first, given

ABOUT = """\
Run this machine's nodes of an experiment. Section [RUN] of FILE.ini sets the same flags by
their long names; the command line takes precedence.

examples:
  decentralizepy run digits
  decentralizepy run config.ini -ps 16 -is 100 --set OPTIMIZER_PARAMS.lr=0.1 -ld runs/a
"""


def main(argv: list[str]) -> int:
    """Run an experiment; the first word may be the INI file."""
    words = file_first(argv)
    if is_remote(chosen := given(words, parser())):
        return drive(chosen)
    launch(argv=words, parser=parser())
    return 0  # in a notebook; otherwise, it has exited


def parser() -> ArgumentParser:
    """Return the parser of this command."""
    return with_run_flags("run", "FILE.ini [FLAGS]", ABOUT)
