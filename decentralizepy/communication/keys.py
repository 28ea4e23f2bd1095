"""Key files: one secret per run, or one key pair per node."""

import json
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import zmq
from zmq.utils import z85

from decentralizepy.errors import ConfigError

MAC_BYTES = 32
PUBLIC = "public.json"
MOST = 1 << 24  # bytes read at most: the keys of 200,000 nodes


def make_mac(path: Path) -> None:
    """Write 32 random bytes to ``path``, a new file that only its owner can read."""
    _write_secret(path, secrets.token_bytes(MAC_BYTES))


def read_mac(path: Path) -> bytes:
    """Return the key that :func:`make_mac` wrote.

    Raises
    ------
    ConfigError
        If it cannot be read, others can read it, or it does not have 32 bytes.
    """
    key = _read_secret(path)
    if len(key) != MAC_BYTES:
        raise ConfigError(
            f"{path}: {len(key)} bytes; expected a key of {MAC_BYTES}, created by"
            " `decentralizepy keys --mac FILE`"
        )
    return key


def make_curve(folder: Path, uids: Iterable[int]) -> None:
    """Write ``<uid>.secret`` for each of ``uids``, and their public keys, to ``folder``.

    Keys are for Curve25519, as text in Z85 (ZeroMQ RFC 32).

    Raises
    ------
    ConfigError
        If a file already exists or cannot be written.
    """
    pairs = {uid: zmq.curve_keypair() for uid in uids}
    public = {str(uid): key.decode() for uid, (key, _) in pairs.items()}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}") from None
    _write(folder / PUBLIC, f"{json.dumps(public, indent=2)}\n".encode(), 0o644)
    for uid, (_, secret) in pairs.items():
        _write_secret(folder / f"{uid}.secret", secret + b"\n")


def read_public(folder: Path) -> dict[int, bytes]:
    """Return the public keys in ``folder``, by uid.

    Raises
    ------
    ConfigError
        If their file is missing, is invalid, or can be written by others.
    """
    path = folder / PUBLIC
    try:
        content = json.loads(_read(path, 0o022, "others can replace the keys in it"))
        keys = {int(uid): _checked(key.encode()) for uid, key in content.items()}
    except ConfigError:
        raise
    except (ValueError, AttributeError):
        raise ConfigError(
            f"{path}: expected a JSON object of uids and public keys, created by"
            " `decentralizepy keys DIR --nodes N`"
        ) from None
    return keys


def read_curve(folder: Path, uid: int, public: bytes) -> bytes:
    """Return the secret key of ``uid``; it must match its ``public`` key.

    Raises
    ------
    ConfigError
        If it cannot be read, others can read it, or it does not match.
    """
    path = folder / f"{uid}.secret"
    secret = _read_secret(path).strip()
    try:
        own = zmq.curve_public(_checked(secret))
    except ValueError:
        raise ConfigError(
            f"{path}: expected a secret key of 40 characters in Z85"
        ) from None
    if own != public:
        raise ConfigError(
            f"{path}: does not match the public key of uid {uid} in {PUBLIC}"
        )
    return secret


def _checked(key: bytes) -> bytes:
    with suppress(KeyError):  # a character that is not in Z85
        if len(z85.decode(key)) == 32:
            return key
    raise ValueError("no key")


def _write_secret(path: Path, content: bytes) -> None:
    _write(path, content, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as f:
            f.write(content)
    except FileExistsError:
        raise ConfigError(f"{path}: already exists; keys are never replaced") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None


def _read_secret(path: Path) -> bytes:
    return _read(path, 0o077, "others can read this key")


def _read(path: Path, forbidden: int, danger: str) -> bytes:
    """Return a file's content if its owner is this user or root and its mode is safe."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(MOST)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    mode = stat.S_IMODE(status.st_mode)
    if mode & forbidden:
        raise ConfigError(
            f"{path}: {danger} (mode {mode:o}); chmod {mode & ~forbidden:o} {path}"
        )
    if status.st_uid not in (0, os.geteuid()):
        raise ConfigError(
            f"{path}: {danger}: it belongs to user {status.st_uid}, not to you"
        )
    return content
