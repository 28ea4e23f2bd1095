"""Indices in Elias-gamma codes, values cut to some bits by fpzip."""

from decentralizepy.compression.EliasFpzip import EliasFpzip
from decentralizepy.errors import ConfigError


class EliasFpzipLossy(EliasFpzip):
    """Send the first bits of each value only: sign, exponent (8 bits), mantissa.

    With p >= 9 bits a value loses less than 2**(9 - p) of itself, towards zero; with
    fewer, the exponent is cut too.

    Parameters
    ----------
    float_precision : int, default 16
        Bits to keep, 2 to 32; 0 and 32 keep all.
    """

    def __init__(
        self, float_precision: int | None = 16, *args: object, **kwargs: object
    ) -> None:
        super().__init__()
        bits = 16 if float_precision is None else float_precision
        if bits not in (0, *range(2, 33)):
            raise ConfigError(
                f"float_precision = {bits}: "
                "EliasFpzipLossy keeps 2 to 32 bits, or 0 for all"
            )
        self.precision = int(bits)
