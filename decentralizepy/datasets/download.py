"""CIFAR-10 from its home page, by way of torchvision."""

import sys

from decentralizepy.errors import DataError

DESTINATION = "./eval/data/"


def download_cifar10(directory: str = DESTINATION) -> None:
    """Fetch both sets of CIFAR-10 into ``directory``; what is there already stays.

    Raises
    ------
    DataError
        If torchvision does not import, or the network or the disk fails.
    """
    try:
        from torchvision.datasets import CIFAR10

        for train in (True, False):
            CIFAR10(directory, train=train, download=True)
    except (ImportError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"CIFAR-10 cannot be downloaded: {reason}") from error


def main() -> int:
    """Download CIFAR-10 and return the exit status."""
    try:
        download_cifar10()
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"CIFAR-10 is in {DESTINATION}")
    return 0
