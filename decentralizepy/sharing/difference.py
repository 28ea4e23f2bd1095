"""CHOCO's gossip with compressed differences, whatever compresses them."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.message import Message
from decentralizepy.sharing.checks import Fraction, reading, whole_number
from decentralizepy.sharing.Sharing import Queue, Sharing, State
from decentralizepy.sharing.sparse import whole_numbers

Floats = npt.NDArray[np.float32]


class DifferenceSharing(Sharing):
    """Send how far the model is from its public copy, compressed; CHOCO-SGD.

    Koloskova, Stich and Jaggi, Decentralized Stochastic Optimization and Gossip
    Algorithms with Compressed Communication, ICML 2019, algorithm 2. All neighbors of
    node i know its public copy ``x_hat_i``, which starts at 0. Each round, with Q the
    compression and W the Metropolis-Hastings weights,

    - ``q_i = Q(x_i - x_hat_i)`` is sent, and ``x_hat_i += q_i`` at every node,
    - ``x_i += step_size * sum_j w_ij (x_hat_j - x_hat_i)``.

    What Q leaves out stays in the next difference, so nothing is lost; the mean over
    nodes is kept whatever Q is. Of the neighbors' copies only the weighted sum ``s`` is
    stored, which is right as long as neighbors and degrees never change: a round in
    which they do is refused. Whole numbers (BatchNorm's counter) stay each node's own.

    Subclasses state Q by ``encode`` and ``decode``. It must bring the copy nearer:
    ``|v - Q(v)| < |v|``, at least in expectation.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    step_size : float
        In (0, 1]; the rougher Q, the smaller.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    keeps_peer_state = True
    checkpointed: tuple[str, ...] = ("x_hat", "s", "degrees")

    def __init__(self, *parts: Any, step_size: Fraction, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.step_size = step_size
        # sums over all rounds: in float32, their rounding would move the mean for ever
        self.x_hat, self.s = torch.zeros(2, self.flat.size, dtype=torch.float64)
        self.q = torch.zeros_like(self.s)
        self.degrees: dict[int, Any] | None = None
        self._whole = whole_numbers(self.flat)

    def encode(self, difference: Floats) -> Message:
        """Return the fields of a message that stand for ``difference``, of shape (N,)."""
        raise NotImplementedError

    def decode(self, m: Message) -> Floats:
        """Return Q(difference), of shape (N,); MessageError if ``m`` does not fit."""
        raise NotImplementedError

    def serialized_model(self) -> Message:
        """Return the compressed difference; what receivers will read of it is ``q``."""
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

    def _averaging_server(self, peer_deques: Mapping[int, Queue]) -> None:
        raise ConfigError(
            "has no server; a parameter server takes Sharing or STC",
            section="SHARING",
            key="sharing_class",
            value=type(self).__name__,
        )


def degree(uid: int, message: Message) -> int | None:
    """Return the degree that a peer's message tells; None if it tells none.

    Raises
    ------
    PeerError
        If that is no whole number.
    """
    with reading(uid, message):
        return whole_number(message, "degree") if "degree" in message else None
