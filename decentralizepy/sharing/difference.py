"""CHOCO's gossip with compressed differences, for any compression."""

from collections import deque
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.message import Message
from decentralizepy.sharing.checks import Fraction, reading, whole_number
from decentralizepy.sharing.churn import MESSAGES, NODES
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue, State
from decentralizepy.sharing.sparse import whole_numbers

Floats = npt.NDArray[np.float32]


class DifferenceSharing(Serverless):
    """Send the compressed difference from a public copy of the model; CHOCO-SGD.

    Koloskova, Stich and Jaggi, Decentralized Stochastic Optimization and Gossip
    Algorithms with Compressed Communication, ICML 2019, algorithm 2. All neighbors of
    node i know its public copy ``x_hat_i``, which starts at 0. Each round, with Q the
    compression and W the Metropolis-Hastings weights,

    - ``q_i = Q(x_i - x_hat_i)`` is sent, and ``x_hat_i += q_i`` at every node,
    - ``x_i += step_size * sum_j w_ij (x_hat_j - x_hat_i)``.

    What Q omits remains in the next difference, so nothing is lost; the mean over nodes
    is preserved for any Q. Only the weighted sum ``s`` of the neighbors' copies is stored,
    which is valid as long as neighbors and degrees never change; a round in which they do
    is rejected. Integers (BatchNorm's counter) are not shared.

    Subclasses define Q by ``encode`` and ``decode``. It must reduce the difference:
    ``|v - Q(v)| < |v|``, at least in expectation.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    step_size : float
        In (0, 1]; the coarser Q, the smaller it must be.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    keeps_peer_state = True
    needs: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (NODES, MESSAGES), "every neighbor has to apply every difference to its copy"
    )
    checkpointed: tuple[str, ...] = ("x_hat", "s", "degrees")

    def __init__(self, *parts: Any, step_size: Fraction, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.step_size = step_size
        # accumulate over all rounds: in float32, rounding would make the mean drift
        self.x_hat, self.s = torch.zeros(2, self.flat.size, dtype=torch.float64)
        self.q = torch.zeros_like(self.s)
        self.degrees: dict[int, Any] | None = None
        self._whole = whole_numbers(self.flat)

    def encode(self, difference: Floats) -> Message:
        """Return message fields that encode ``difference``, of shape (N,)."""
        raise NotImplementedError

    def decode(self, m: Message) -> Floats:
        """Return Q(difference), of shape (N,); raise a MessageError if ``m`` is invalid."""
        raise NotImplementedError

    def serialized_model(self) -> Message:
        """Return the compressed difference; ``q`` is what receivers will decode."""
        difference = self.flat.vector() - self.x_hat
        difference[self._whole] = 0
        message = self.encode(difference.float().numpy())
        self.q = torch.from_numpy(self.decode(message)).double()
        return message

    def deserialized_model(self, m: Message) -> State:
        """Return the decoded difference, of shape (N,), under the name ``q``."""
        return {"q": torch.from_numpy(self.decode(m)).double()}

    def local(self) -> State:
        return {"q": self.q}

    def adopt(self, averaged: State) -> None:
        self.x_hat += self.q
        self.s += averaged["q"]
        step = self.step_size * (self.s - self.x_hat)
        super().adopt(self.flat.unflatten(self.flat.vector() + step))

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        messages = {uid: peer_deques[uid].popleft() for uid in peer_deques}
        degrees = {uid: degree(uid, messages[uid]) for uid in sorted(messages)}
        if self.degrees is None:
            self.degrees = degrees
        if degrees != self.degrees:
            raise ConfigError(
                "needs the same neighbors in every round; their degrees by uid "
                f"were {self.degrees}, and {degrees} in round "
                f"{self.communication_round + 1}",
                section="SHARING",
                key="sharing_class",
                value=type(self).__name__,
            )
        super()._averaging({uid: deque([messages[uid]]) for uid in messages})


def degree(uid: int, message: Message) -> int | None:
    """Return the degree in a peer's message; None if there is none.

    Raises
    ------
    PeerError
        If it is not an integer.
    """
    with reading(uid, message):
        return whole_number(message, "degree") if "degree" in message else None
