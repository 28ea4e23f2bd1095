"""Gossip with signs and error feedback."""

from typing import Any

import numpy as np

from decentralizepy.message import Message
from decentralizepy.sharing.checks import Fraction, field
from decentralizepy.sharing.difference import DifferenceSharing, Floats


class SignError(DifferenceSharing):
    """Send one bit per number, its sign, and one scale per tensor.

    The compression of EF-signSGD (Karimireddy, Rebjock, Stich and Jaggi, Error Feedback
    Fixes SignSGD and other Gradient Compression Schemes, ICML 2019, algorithm 1):
    ``Q(v) = mean|v| sign(v)`` for each tensor, with sign(0) = 1. The error feedback is
    that of :class:`~decentralizepy.sharing.difference.DifferenceSharing`: the difference
    from the public copy is the last change plus everything that has not been sent.

    Parameters
    ----------
    step_size : float, default 0.5
        Step size towards the neighbors' copies, in (0, 1].
    """

    def __init__(self, *parts: Any, step_size: Fraction = 0.5) -> None:
        super().__init__(*parts, step_size=step_size)

    def encode(self, difference: Floats) -> Message:
        tensors = np.split(difference, np.cumsum(self.lens)[:-1])
        scales = [np.abs(part).sum() / max(1, part.size) for part in tensors]
        signs = np.packbits(difference >= 0)
        return {"params": signs, "scales": np.array(scales, np.float32)}

    def decode(self, m: Message) -> Floats:
        size = self.flat.size
        packed = field(m, "params", np.uint8, -(-size // 8))
        scales = np.repeat(field(m, "scales", np.float32, len(self.lens)), self.lens)
        return np.where(np.unpackbits(packed, count=size), scales, -scales)
