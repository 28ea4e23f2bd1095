"""Detection of modified messages, by checksum or keyed digest."""

from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Protocol

from xxhash import xxh3_64_digest

with suppress(ImportError):  # some platforms have no wheel
    from blake3 import blake3

KEY_BYTES = DIGEST_BYTES = 32


class Seal(Protocol):
    """Seals a message in two steps, so that a broadcast is hashed only once.

    Attributes
    ----------
    code : bytes
        One letter in every message; peers must use the same seal.
    size : int
        Bytes that ``sign`` returns.
    """

    code: bytes
    size: int

    def of(self, parts: Iterable[Any]) -> bytes:
        """Return a digest of ``parts`` and their boundaries."""
        ...

    def sign(self, head: bytes, digest: bytes, ends: tuple[int, int]) -> bytes:
        """Return the seal of a head and a digest, sent from ``ends[0]`` to ``ends[1]``."""
        ...


class Checksum:
    """64-bit XXH3 (xxhash.com): detects accidents, not attacks."""

    code, size = b"x", 8

    def of(self, parts: Iterable[Any]) -> bytes:
        return b"".join([xxh3_64_digest(part) for part in parts])

    def sign(self, head: bytes, digest: bytes, ends: tuple[int, int]) -> bytes:
        return xxh3_64_digest(head + digest)


class Mac:
    """Keyed BLAKE3: nobody without the key can forge or modify a message."""

    code, size = b"3", 16

    def __init__(self, key: bytes) -> None:
        self._key = _whole(key)

    def of(self, parts: Iterable[Any]) -> bytes:
        return b"".join([self._digest(part) for part in parts])

    def sign(self, head: bytes, digest: bytes, ends: tuple[int, int]) -> bytes:
        return self._digest(b"%s%s%d>%d" % (head, digest, *ends))[: self.size]

    def _digest(self, content: Any) -> bytes:
        digest: bytes = blake3(_bytes(content), key=self._key).digest()
        return digest


class Mac2(Mac):
    """Keyed BLAKE2b (RFC 7693) for machines without BLAKE3: a sixth of its speed."""

    code = b"2"

    def _digest(self, content: Any) -> bytes:
        return blake2b(
            _bytes(content), key=self._key, digest_size=DIGEST_BYTES
        ).digest()


def keyed(key: bytes) -> Mac:
    """Return the fastest keyed seal available on this machine."""
    return Mac(key) if "blake3" in globals() else Mac2(key)


def _whole(key: bytes) -> bytes:
    return (
        key if len(key) == KEY_BYTES else blake2b(key, digest_size=KEY_BYTES).digest()
    )


def _bytes(content: Any) -> Any:
    view = memoryview(content)
    return view.cast("B") if view.nbytes else b""
