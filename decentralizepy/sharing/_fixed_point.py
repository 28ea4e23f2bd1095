"""Numbers in fixed point, whose sums are exact whatever their order."""

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
Floats = npt.NDArray[np.float64]

LARGEST = 2**31 - 2**15  # leaves room for what the rounding of 2^16 shares adds


def encoded(numbers: Floats, share: float, fraction_bits: int) -> Words:
    """Return ``share`` times ``numbers`` as multiples of ``2^-fraction_bits``.

    Parameters
    ----------
    numbers : array of float64, shape (N,)
        Finite.
    share : float
        From 0 to 1. Shares that add up to 1 cannot overflow.
    fraction_bits : int

    Returns
    -------
    array of uint32, shape (N,)
        Modulo 2^32; negative ones are in two's complement.

    Raises
    ------
    OverflowError
        If one of ``numbers`` is too large, however small its share.
    """
    scaled = numbers * 2**fraction_bits
    largest = np.abs(scaled).max(initial=0)
    if largest >= LARGEST:
        raise OverflowError(f"magnitude {largest / 2**fraction_bits:.4g}")
    words: Words = np.rint(share * scaled).astype(np.int32).view(np.uint32)
    return words


def decoded(words: Words, fraction_bits: int) -> Floats:
    """Return the numbers that sums of :func:`encoded` ones stand for."""
    numbers: Floats = words.view(np.int32) / 2.0**fraction_bits
    return numbers
