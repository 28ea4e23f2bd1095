"""Masks that pairs of nodes agree on, and that cancel in a sum."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.errors import ConfigError, MessageError
from decentralizepy.message import Message
from decentralizepy.sharing.checks import present

KEY_BYTES = 32
Keys = dict[int, bytes]
"""Public keys by uid."""
Words = npt.NDArray[np.uint32]


class PairMasks:
    """A node's side of the masks that it shares with each other node.

    Two nodes derive a secret from their keys (X25519, RFC 7748, and HKDF), and masks from
    the secret (ChaCha20, RFC 8439), another one for each receiver and round. The one of
    lower uid adds a mask, the other subtracts it, modulo 2^32.

    Parameters
    ----------
    uid : int
    private : bytes, optional
        The private key; by default a new one.
    """

    def __init__(self, uid: int, private: bytes | None = None) -> None:
        kind = _x25519().X25519PrivateKey
        key = kind.from_private_bytes(private) if private else kind.generate()
        self.uid, self._key = uid, key
        self.private: bytes = key.private_bytes_raw()
        self.public: bytes = key.public_key().public_bytes_raw()
        self._secrets: dict[bytes, bytes] = {}

    def total(self, members: Keys, place: tuple[int, int], size: int) -> Words:
        """Return the sum of this node's masks.

        Parameters
        ----------
        members : dict of int to bytes
            The public keys of all whose messages are summed, by uid.
        place : (int, int)
            The receiver and the round.
        size : int
            The length of the mask.
        """
        total = np.zeros(size, np.uint32)
        for other, public in members.items():
            if other > self.uid:
                total += self._mask(public, place, size)
            elif other < self.uid:
                total -= self._mask(public, place, size)
        return total

    def introduced(self, message: Message) -> tuple[bytes, Keys]:
        """Return the sender's public key and those of its ``members``, by uid.

        Raises
        ------
        MessageError
            If one of them is missing, or no valid public key.
        """
        key, members = public_key(message), public_keys(message)
        self._check("key", [key])
        self._check("members", members.values())
        return key, members

    def _check(self, name: str, keys: Iterable[bytes]) -> None:
        """Derive the secrets for public keys; raise a MessageError for an invalid one."""
        for public in keys:
            try:
                self._secret(public)
            except ValueError:  # a point of low order has no secret with anyone
                cause = f"{name}: {public!r}, not a valid public key"
                raise MessageError(cause) from None

    def _mask(self, public: bytes, place: tuple[int, int], size: int) -> Words:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

        receiver, number = place
        nonce = bytes(4) + receiver.to_bytes(4, "little") + number.to_bytes(8, "little")
        cipher = Cipher(algorithms.ChaCha20(self._secret(public), nonce), mode=None)
        return np.frombuffer(cipher.encryptor().update(bytes(4 * size)), "<u4")

    def _secret(self, public: bytes) -> bytes:
        if public not in self._secrets:
            from cryptography.hazmat.primitives.hashes import SHA256
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF

            theirs = _x25519().X25519PublicKey.from_public_bytes(public)
            derive = HKDF(SHA256(), KEY_BYTES, salt=None, info=b"pairwise masks")
            self._secrets[public] = derive.derive(self._key.exchange(theirs))
        return self._secrets[public]


def _x25519() -> Any:
    """Return the module; raise a ConfigError if it is not installed."""
    try:
        from cryptography.hazmat.primitives.asymmetric import x25519
    except ImportError:
        raise ConfigError(
            "SecureAggregation needs cryptography: pip install decentralizepy[privacy]"
        ) from None
    return x25519


def check_installed() -> None:
    """Raise a ConfigError if the library is missing."""
    _x25519()


def public_key(message: Message) -> bytes:
    """Return ``key`` of a message; raise a MessageError if it is not a public key."""
    return _checked("key", present(message, "key"))


def public_keys(message: Message) -> Keys:
    """Return ``members`` of a message; raise a MessageError if they are no public keys."""
    members = present(message, "members")
    if not isinstance(members, dict) or any(type(uid) is not int for uid in members):
        raise MessageError(f"members: {members!r}, not public keys by uid")
    return {uid: _checked("members", key) for uid, key in sorted(members.items())}


def _checked(name: str, key: Any) -> bytes:
    if type(key) is not bytes or len(key) != KEY_BYTES:
        raise MessageError(f"{name}: {key!r}, not a public key of {KEY_BYTES} bytes")
    return key
