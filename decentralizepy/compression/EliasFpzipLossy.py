"""Codec with Elias-gamma codes for indices and lossy fpzip for values."""

from decentralizepy.compression.EliasFpzip import EliasFpzip
from decentralizepy.errors import ConfigError


class EliasFpzipLossy(EliasFpzip):
    """Send only the leading bits of each value: sign, exponent (8 bits), mantissa.

    With p >= 9 bits, values are rounded towards zero with a relative error below
    2**(9 - p); with fewer bits, the exponent is truncated too.

    Parameters
    ----------
    float_precision : int, default 16
        Number of bits to keep, 2 to 32; 0 and 32 keep all bits.
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
