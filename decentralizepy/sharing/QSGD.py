"""Differences rounded at random to a few levels, in gossip."""

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field

from decentralizepy.errors import MessageError
from decentralizepy.message import Message
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.checks import Array, Fraction, at_most, field
from decentralizepy.sharing.difference import DifferenceSharing, Floats


class QSGD(DifferenceSharing):
    """Send each number as one of 2s + 1 levels between minus and plus its bucket's peak.

    The compression of Alistarh, Grubic, Li, Tomioka and Vojnovic, QSGD:
    Communication-Efficient SGD via Gradient Quantization and Encoding, NeurIPS 2017,
    section 3.1, in buckets, with their peak as norm, as in the paper's experiments.
    A number rounds up or down with such chances that its mean is itself. It serves
    :class:`~decentralizepy.sharing.difference.DifferenceSharing`: the differences fade
    as nodes agree, and the rounding errors with them. Levels have a fixed width in
    place of the paper's Elias codes.

    Parameters
    ----------
    step_size : float, default 0.5
        In (0, 1].
    bits : int, default 4
        For each number, 3 to 8; ``s = 2**(bits - 1) - 1``.
    bucket_size : int, default 256
        Numbers that share a peak (4 bytes), at most 8 s^2. With more, the expected
        squared error could exceed the square of what is rounded: beside one number at
        the peak M, each of the others may err by (M / s)^2 / 8 more than its own square.
    """

    checkpointed = ("_random",)

    def __init__(
        self,
        *parts: Any,
        step_size: Fraction = 0.5,
        bits: Annotated[int, Field(ge=3, le=8)] = 4,
        bucket_size: Annotated[int, Field(ge=1)] = 256,
    ) -> None:
        super().__init__(*parts, step_size=step_size)
        self.bits = bits
        self.levels = 2 ** (self.bits - 1) - 1
        self.bucket_size = at_most("bucket_size", bucket_size, 8 * self.levels**2)
        self._random = stream(Purpose.ROUNDING, seed_of(self.dataset), self.uid)

    # a bucket may be all zeros, or have a peak that is no finite number
    @np.errstate(divide="ignore", invalid="ignore")
    def encode(self, difference: Floats) -> Message:
        starts = np.arange(0, self.flat.size, self.bucket_size)
        peaks = np.maximum.reduceat(np.abs(difference), starts)
        scales = self.levels / peaks.astype(np.float64)
        ratios = np.nan_to_num(difference * self._each(scales))
        tosses = self._random.random(ratios.size, np.float32)
        rounded = np.floor(ratios + tosses)
        codes = np.clip(rounded, -self.levels, self.levels) + self.levels
        return {"params": pack(codes.astype(np.uint8), self.bits), "norms": peaks}

    @np.errstate(invalid="ignore")
    def decode(self, m: Message) -> Floats:
        size = self.flat.size
        packed = field(m, "params", np.uint8, -(-size // 8) * self.bits)
        codes = unpack(packed, self.bits, size)
        if codes.max(initial=0) > 2 * self.levels:
            raise MessageError(f"level {codes.max()} of {2 * self.levels}")
        norms = field(m, "norms", np.float32, -(-size // self.bucket_size))
        steps = self._each(norms.astype(np.float64) / self.levels)
        decoded: Floats = (steps * (codes.astype(np.int16) - self.levels)).astype("f4")
        return decoded

    def _each(self, of_buckets: Array) -> Array:
        return np.repeat(of_buckets, self.bucket_size)[: self.flat.size]


def pack(codes: npt.NDArray[np.uint8], bits: int) -> Array:
    """Return numbers below ``2**bits``: the lowest bits of all, then the next, ..."""
    return np.concatenate([np.packbits(codes >> bit & 1) for bit in range(bits)])


def unpack(packed: Array, bits: int, size: int) -> Array:
    """Return the ``size`` numbers of :func:`pack`."""
    codes = np.zeros(size, np.uint8)
    for bit, digits in enumerate(packed.reshape(bits, -1)):
        codes |= np.unpackbits(digits, count=size) << bit
    return codes
