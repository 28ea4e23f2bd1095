"""Gossip with randomly quantized differences."""

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
    """Quantize each number to one of 2s + 1 levels between -peak and peak of its bucket.

    The compression of Alistarh, Grubic, Li, Tomioka and Vojnovic, QSGD:
    Communication-Efficient SGD via Gradient Quantization and Encoding, NeurIPS 2017,
    section 3.1, in buckets normalized by their peak, as in the paper's experiments.
    Stochastic rounding keeps the expected value. It is applied to the differences of
    :class:`~decentralizepy.sharing.difference.DifferenceSharing`, which vanish as nodes
    reach consensus, and the rounding errors with them. Levels are encoded with a fixed
    width instead of the paper's Elias codes.

    Parameters
    ----------
    step_size : float, default 0.5
        Step size towards the neighbors' copies, in (0, 1].
    bits : int, default 4
        Bits per number, 3 to 8; ``s = 2**(bits - 1) - 1``.
    bucket_size : int, default 256
        Numbers that share a peak (4 bytes), at most 8 s^2. In larger buckets, the expected
        squared error could exceed the squared norm: next to one number at the peak M, the
        error of each other number can exceed its own square by (M / s)^2 / 8.
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

    # a bucket may be all zeros, or have a non-finite peak
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
    """Pack numbers below ``2**bits``: the lowest bits of all, then the next, ..."""
    return np.concatenate([np.packbits(codes >> bit & 1) for bit in range(bits)])


def unpack(packed: Array, bits: int, size: int) -> Array:
    """Invert :func:`pack`, returning ``size`` numbers."""
    codes = np.zeros(size, np.uint8)
    for bit, digits in enumerate(packed.reshape(bits, -1)):
        codes |= np.unpackbits(digits, count=size) << bit
    return codes
