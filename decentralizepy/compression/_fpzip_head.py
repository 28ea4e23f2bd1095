"""Parser for the header of an fpzip stream, which fpzip's own decoder trusts."""

from typing import NamedTuple

_WORD = 0xFFFFFFFF


class Head(NamedTuple):
    """Whether values are doubles (1) or float32 (0), and the size of each dimension."""

    double: int
    shape: tuple[int, int, int, int]


def read_head(body: bytes) -> Head:
    """Return the header of any stream; magic number and version are not checked.

    It is written by a carryless range coder, each field as equally likely numbers of at
    most 16 bits, low ones first (fpzip 1.3.0, as in the Python package 1.2.5).
    """
    reader = _RangeDecoder(body)
    reader.skip(8, 8, 8, 8, 16, 8)
    double = reader.number(1)
    reader.skip(7)  # the precision
    x, y, z, f = (reader.number(16) + (reader.number(16) << 16) for _ in range(4))
    return Head(double, (x & _WORD, y & _WORD, z & _WORD, f & _WORD))


class _RangeDecoder:
    """Mirror fpzip's decoder with wrapping 32-bit words, to read forged streams alike."""

    def __init__(self, body: bytes) -> None:
        self.bytes = iter(body)
        self.low, self.range, self.code = 0, _WORD, 0
        self._take(4)

    def skip(self, *widths: int) -> None:
        for bits in widths:
            self.number(bits)

    def number(self, bits: int) -> int:
        self.range >>= bits
        number = (self.code - self.low & _WORD) // self.range
        self.low = self.low + self.range * number & _WORD
        while not (self.low ^ (self.low + self.range & _WORD)) >> 24:
            self._take(1)
            self.range = self.range << 8 & _WORD
        if not self.range >> 16:
            self._take(2)
            self.range = -self.low & _WORD
        return number

    def _take(self, count: int) -> None:
        for _ in range(count):
            self.code = (self.code << 8 | next(self.bytes, 0)) & _WORD
            self.low = self.low << 8 & _WORD
