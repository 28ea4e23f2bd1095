"""LZ4 codec for indices and, optionally, values."""

from typing import Any

import numpy as np

from decentralizepy.compression._byte_codec import ByteCodec
from decentralizepy.compression.Compression import Array, Bytes, Indices
from decentralizepy.errors import MessageError


class Lz4Wrapper(ByteCodec):
    """Compress the gaps between sorted indices, and the bytes of values, with LZ4.

    LZ4 is fast, but barely compresses the values that training produces.

    Parameters
    ----------
    compress_metadata : bool, default True
        Compress indices; otherwise they are sent uncompressed.
    compress_data : bool, default False
        Compress values; otherwise they are sent uncompressed.
    """

    codec = b"lz4"
    ratio = 255

    def __init__(
        self,
        compress_metadata: bool = True,
        compress_data: bool = False,
        *args: object,
        **kwargs: object,
    ) -> None:
        super().__init__()
        self.compress_metadata = compress_metadata
        self.compress_data = compress_data

    def compress(self, indices: Indices) -> Any:
        return super().compress(indices) if self.compress_metadata else indices

    def decompress(self, encoded: Any) -> Any:
        return super().decompress(encoded) if self.compress_metadata else encoded

    def compress_float(self, values: Array) -> Any:
        return super().compress_float(values) if self.compress_data else values

    def decompress_float(self, encoded: Any) -> Any:
        return super().decompress_float(encoded) if self.compress_data else encoded

    def squeeze(self, array: Array) -> bytes:
        import lz4.frame

        squeezed: bytes = lz4.frame.compress(array.data, store_size=False)
        return squeezed

    def expand(self, body: Bytes, dtype: str, count: int) -> Array:
        import lz4.frame

        size = count * np.dtype(dtype).itemsize
        reader = lz4.frame.LZ4FrameDecompressor(return_bytearray=True)
        try:
            raw = reader.decompress(body.data, max_length=size + 1)
        except RuntimeError as error:
            raise MessageError(f"data that lz4 cannot read: {error}") from None
        if len(raw) != size:
            raise MessageError(f"lz4 data that does not hold {size} bytes")
        return np.frombuffer(raw, dtype)
