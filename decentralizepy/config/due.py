"""The round after which all nodes write a checkpoint, if one is asked for while they run."""

import mmap
from collections.abc import Sequence


class Due:
    """Memory that a launcher shares with the nodes that it forks.

    A node first notes how far it is, and then reads which round is due; a launcher does
    these in the opposite order, so that at least one of them sees what the other says.

    Parameters
    ----------
    ranks : sequence of int
        Of the processes on this machine.
    """

    def __init__(self, ranks: Sequence[int]) -> None:
        self._slots = {rank: number for number, rank in enumerate(ranks, 1)}
        memory = mmap.mmap(-1, 8 * (1 + len(ranks)))
        self._numbers = memoryview(memory).cast("q")

    @property
    def round(self) -> int:
        """The number of rounds after which a checkpoint is due; 0 if none is."""
        return self._numbers[0]

    @round.setter
    def round(self, number: int) -> None:
        self._numbers[0] = number

    def note(self, rank: int, number: int) -> None:
        """Tell that a node has finished ``number`` rounds."""
        self._numbers[self._slots[rank]] = number

    def done(self, rank: int) -> int:
        """Return how many rounds a node has finished."""
        return self._numbers[self._slots[rank]]

    @property
    def newest(self) -> int:
        """The most rounds that any of the nodes has finished."""
        return max(self._numbers[1:], default=0)
