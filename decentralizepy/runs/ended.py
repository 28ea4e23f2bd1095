"""How the nodes of a machine ended, as its launcher tells the others."""

from collections.abc import Sequence
from typing import NamedTuple

from decentralizepy.errors import NodeFailed, PeerError

PAUSED = 75  # sysexits.h: a temporary failure, to try again


class Ended(NamedTuple):
    """How the nodes of a machine ended.

    Attributes
    ----------
    status : int
        0 if all of them finished, or else an exit status.
    cause : str
        What failed, and where.
    lost : sequence of int
        The uids that were lost, if the others finished without them.
    final : bool
        Whether the launcher has ended, too, so that it will not restart its nodes.
    """

    status: int = 0
    cause: str = ""
    lost: Sequence[int] = ()
    final: bool = False


GONE = "its launcher has died, or cannot be reached any more"
LOST = Ended(PeerError.exit_status, final=True)  # a launcher that said nothing


class Paused(NodeFailed):
    """The run ends so that it can be resumed: all have checkpoints of a round."""

    def __init__(self, number: int) -> None:
        super().__init__(f"paused after round {number}: --resume continues")
        self.exit_status = PAUSED
