"""Identity codec, and the base class of all codecs."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]
Indices = Array | Iterable[int]


class Compression:
    """Send indices and values uncompressed.

    A subclass overrides one or both pairs of methods, which are independent of each
    other. Encoders return a uint8 array of shape (bytes,); decoders accept such an array
    or any other buffer of these bytes. Arguments are never modified.

    Indices are distinct integers from 0 to 2**63 - 2 in any order: an integer array of
    shape (n,), a set or a sequence. They are decoded in sorted order, as int64. Values
    are float32 or complex64 of shape (n,), in the order of the sorted indices, and keep
    their dtype. Both may be empty.

    Parameters
    ----------
    *args, **kwargs
        Ignored, so that every codec can be created as ``cls(float_precision=...)``. A
        ``float_precision`` of None always selects the default of the class.

    Attributes
    ----------
    limit : int
        The most numbers that a decoder may return, where a complex value counts as two,
        and the upper bound of the indices; set by the sharing class. Messages that claim
        to contain more are rejected before anything is allocated. 2**30 by default.
    """

    limit = 1 << 30

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def compress(self, indices: Indices) -> Any:
        """Return ``indices`` encoded.

        Raises
        ------
        ValueError
            If they are not distinct integers (subclasses).
        """
        return indices

    def decompress(self, encoded: Any) -> Any:
        """Return the indices that were passed to ``compress``, sorted.

        Raises
        ------
        MessageError
            If ``encoded`` is not valid output of ``compress`` (subclasses).
        """
        return encoded

    def compress_float(self, values: Array) -> Any:
        """Return ``values`` encoded.

        Raises
        ------
        ValueError
            If they are not float32 or complex64 of shape (n,) (subclasses).
        """
        return values

    def decompress_float(self, encoded: Any) -> Any:
        """Return the values passed to ``compress_float``, or approximations of them.

        Raises
        ------
        MessageError
            If ``encoded`` is not valid output of ``compress_float`` (subclasses).
        """
        return encoded
