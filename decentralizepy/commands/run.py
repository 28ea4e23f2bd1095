"""``decentralizepy run``: run this machine's nodes of an experiment."""

from decentralizepy.launcher import launch


def main(argv: list[str]) -> int:
    """Run an experiment; the first word may be the INI file."""
    if argv and not argv[0].startswith("-"):
        argv = ["--config_file", *argv]
    launch(argv=argv)
    return 0  # in a notebook; otherwise, it has exited
