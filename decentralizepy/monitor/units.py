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


def size(count: float) -> str:
    """Return a number of bytes with its unit."""
    factor, unit = byte_unit(count)
    return f"{count / factor:.{0 if factor == 1 else 2}f} {unit}"


def span(low: int, high: int) -> str:
    """Return a range of whole numbers as text: ``4``, or ``4 to 9``."""
    return f"{low}" if low == high else f"{low} to {high}"


def duration(seconds: float) -> str:
    """Return seconds as text, such as ``2m05s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes:02d}m"
    return f"{minutes}m{rest:02d}s" if minutes else f"{rest}s"
