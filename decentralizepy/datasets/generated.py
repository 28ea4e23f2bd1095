"""A mark on folders of generated data, so that results on it are not mistaken for real ones."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from decentralizepy.files import write_atomic

MARK = "GENERATED.txt"


def mark(directory: Path, seed: int) -> None:
    """Write ``GENERATED.txt``: that the data beside it are generated, and from what seed.

    Parameters
    ----------
    directory
        The folder that holds the files of the data set; it must exist.
    seed
        What the data were generated from.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    try:
        release = version("decentralizepy")
    except PackageNotFoundError:  # run from its source, without being installed
        release = "(not installed)"
    write_atomic(
        directory / MARK,
        f"These data are generated, by decentralizepy {release} from seed {seed}: they are "
        "a stand-in of the same format, and accuracies on them mean nothing beyond it.\n",
    )


def is_generated(directory: Path) -> bool:
    """Return whether a folder, or one directly in it, is marked as generated."""
    return (directory / MARK).is_file() or any(directory.glob(f"*/{MARK}"))
