"""Human-readable units."""

import math

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def byte_unit(largest: float) -> tuple[float, str]:
    """Return a suitable binary unit for a number of bytes, as (bytes, name).

    >>> byte_unit(3_000_000)
    (1048576.0, 'MiB')
    """
    power = min(int(math.log2(max(largest, 1))) // 10, len(_UNITS) - 1)
    return 1024.0**power, _UNITS[power]
