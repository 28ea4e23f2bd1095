"""The modes of ``[COMMUNICATION] security``, with their guards and keys."""

import logging
from collections.abc import Collection
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import zmq
from pydantic import Field

from decentralizepy.communication import keys
from decentralizepy.communication._guard import Guard
from decentralizepy.communication._seal import Seal, keyed
from decentralizepy.errors import ConfigError

Bytes = Annotated[int, Field(ge=0)]
_OPTIONS = MappingProxyType({"key_file": "mac", "keys_dir": "curve"})
_USER_ID = "User-Id"  # metadata that ZAP (ZeroMQ RFC 27) attaches to each message


class MacGuard(Guard):
    """Accepts messages from holders of the run's key.

    Parameters
    ----------
    key : bytes
        32 random bytes.
    """

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def seal(self) -> Seal:
        return keyed(self._key)


class CurveGuard(Guard):
    """Accepts owners of known keys, each under its own uid (CurveZMQ, RFC 26).

    Parameters
    ----------
    folder : Path
        Contains ``public.json`` and the node's own ``<uid>.secret``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder, self._public = folder, keys.read_public(folder)

    def start(self, context: "zmq.Context[Any]", uid: int) -> None:
        from zmq.auth.thread import ThreadAuthenticator

        self._own = _public_key(self._folder, self._public, uid)
        self._secret = keys.read_curve(self._folder, uid, self._own)
        log = logging.getLogger(__name__)
        self._authenticator = ThreadAuthenticator(context, log=log)
        self._authenticator.start()
        self._authenticator.configure_curve_callback(credentials_provider=self)

    def callback(self, domain: str, key: bytes) -> bool:
        """Return whether ``key`` is a node's; called in the authenticator's thread."""
        return key in self._public.values()

    def listen(self, socket: "zmq.Socket[bytes]") -> None:
        socket.curve_server = True
        self._show(socket)

    def dial(self, socket: "zmq.Socket[bytes]", peer: int) -> None:
        socket.curve_serverkey = _public_key(self._folder, self._public, peer)
        self._show(socket)

    def knows(self, uid: int, frame: zmq.Frame) -> bool:
        key = frame.get(_USER_ID)  # the peer's public key, set by the authenticator
        return uid in self._public and key == self._public[uid].decode()

    def stop(self) -> None:
        self._authenticator.stop()

    def _show(self, socket: "zmq.Socket[bytes]") -> None:
        socket.curve_publickey, socket.curve_secretkey = self._own, self._secret


def make_guard(security: str, key_file: str, keys_dir: str) -> Guard:
    """Return the guard for a mode.

    Raises
    ------
    ConfigError
        If its key cannot be read.
    """
    if security == "mac":
        return MacGuard(keys.read_mac(Path(_required(key_file, "key_file"))))
    if security == "curve":
        return CurveGuard(Path(_required(keys_dir, "keys_dir")))
    return Guard(keys.read_mac(Path(key_file)) if key_file else b"")


def prepare(
    options: dict[str, Any],
    local: Collection[int],
    uids: Collection[int],
    alone: bool,
    scratch: Path,
) -> dict[str, Any]:
    """Check the keys before any process starts; return the nodes' options.

    Parameters
    ----------
    options
        The options of ``[COMMUNICATION]``.
    local, uids
        The nodes and services of this machine, and all nodes.
    alone
        Whether all nodes are on this machine, so that a key can be generated here.
    scratch
        The folder for that key.

    Raises
    ------
    ConfigError
        If a key is missing, can be read by others, or is invalid.
    """
    security = options.get("security", "none")
    for option, mode in _OPTIONS.items():
        if options.get(option) and security != mode:
            raise ConfigError(
                f"only used with security = {mode}", section="COMMUNICATION", key=option
            )
    if security == "mac":
        return {
            **options,
            "key_file": _mac_key(options.get("key_file"), alone, scratch),
        }
    if security == "curve":
        folder = Path(_required(options.get("keys_dir"), "keys_dir"))
        public = keys.read_public(folder)
        for uid in {*local, *uids}:
            _public_key(folder, public, uid)
        for uid in local:
            keys.read_curve(folder, uid, public[uid])
    return options


def share_secret(options: dict[str, Any], scratch: Path) -> dict[str, Any]:
    """Return the options with a secret by which nodes recognize each other, if needed."""
    if options.get("security", "none") != "none":
        return options
    return {**options, "key_file": _mac_key(None, True, scratch)}


def _mac_key(written: str | None, alone: bool, scratch: Path) -> str:
    if written or not alone:
        path = Path(_required(written, "key_file"))
        keys.read_mac(path)
    else:
        path = Path(scratch, "mac.key")
        keys.make_mac(path)
    return str(path)


def _public_key(folder: Path, public: dict[int, bytes], uid: int) -> bytes:
    if uid not in public:
        raise ConfigError(f"{folder / keys.PUBLIC}: no key of uid {uid}")
    return public[uid]


def _required(value: str | None, option: str) -> str:
    if not value:
        command = "--mac FILE" if option == "key_file" else "DIR --nodes N"
        raise ConfigError(
            f"required with security = {_OPTIONS[option]}; `decentralizepy "
            f"keys {command}` creates one",
            section="COMMUNICATION",
            key=option,
        )
    return value
