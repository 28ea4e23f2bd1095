"""Transport over Unix sockets, for the nodes of one machine."""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from decentralizepy.communication import _security
from decentralizepy.communication._zeromq import ZeroMQ
from decentralizepy.errors import AddressError
from decentralizepy.mappings.Mapping import Mapping

FOLDER_LIMIT = 90  # a socket's path has at most 107 bytes, with offset and rank


class IPC(ZeroMQ):
    """ZeroMQ over Unix sockets: no ports and no address file, one machine only.

    Parameters
    ----------
    rank, machine_id, mapping, total_procs
        As for :class:`~decentralizepy.communication.Communication.Communication`.
    addresses_filepath : str, default ""
        Ignored, so that an INI file can switch from TCP by changing only the class.
    offset : int, default 9000
        Distinguishes runs that share a ``socket_dir``.
    recv_timeout : int, default 50
        Milliseconds after which ``receive(block=False)`` returns None.
    socket_dir : str, default ""
        The folder of the sockets. By default, the launcher creates one for each run;
        without a launcher, it is a folder of this user in the system's temporary folder.
    security : {"none", "mac"}, default "none"
        With ``mac``, a node accepts messages only from holders of the run's key. In
        either mode, the folder keeps other users out: one that others can enter is
        rejected.
    key_file : str, default ""
        For ``mac``: the key file; by default, the launcher creates one.
    max_message : int, default 0
        Largest array or header of a message, in bytes; 0 means no limit.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        total_procs: int,
        addresses_filepath: str = "",
        offset: int = 9000,
        recv_timeout: int = 50,
        socket_dir: str = "",
        security: Literal["none", "mac"] = "none",
        key_file: str = "",
        max_message: _security.Bytes = 0,
    ) -> None:
        folder = Path(socket_dir or _default_dir())
        own_folder(folder)
        self.socket_dir, self.offset = folder, offset
        super().__init__(
            rank,
            machine_id,
            mapping,
            total_procs,
            recv_timeout=recv_timeout,
            max_message=max_message,
            guard=_security.make_guard(security, key_file, ""),
        )

    @classmethod
    def prepare(
        cls,
        options: dict[str, Any],
        mapping: Mapping,
        machine_id: int,
        ranks: Iterable[int],
        scratch: Path,
    ) -> dict[str, Any]:
        if mapping.get_local_procs_count() != mapping.get_n_procs():
            raise AddressError(
                "Unix sockets work on one machine only; use TCP",
                section="COMMUNICATION",
                key="comm_class",
                value="IPC",
            )
        given = options.get("socket_dir")
        folder = given or str(scratch)
        if len(os.fsencode(folder)) > FOLDER_LIMIT:
            raise _too_long(folder, bool(given))
        if given:
            own_folder(Path(given))
        uids = [mapping.get_uid(rank, machine_id) for rank in ranks]
        made = _security.prepare(options, uids, uids, True, scratch)
        return {**made, "socket_dir": folder}

    def address(self, rank: int, machine_id: int) -> str:
        return f"ipc://{self.socket_dir}/{self.offset}.{rank}"


def own_folder(folder: Path) -> None:
    """Create a folder that only this user can enter, or check that it is one.

    Raises
    ------
    AddressError
        If others can enter it, it belongs to another user, or it is a link.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise AddressError(
            str(error.strerror), section="COMMUNICATION", key="socket_dir", value=folder
        ) from None
    mode, cause = stat.S_IMODE(status.st_mode), None
    if stat.S_ISLNK(status.st_mode):
        cause = "a symbolic link, whose owner can redirect it"
    elif status.st_uid != os.geteuid():
        cause = f"belongs to another user ({status.st_uid})"
    elif mode & 0o077:
        cause = f"others can enter it (mode {mode:o}); chmod 700 {folder}"
    if cause:
        raise AddressError(
            cause, section="COMMUNICATION", key="socket_dir", value=folder
        )


def _too_long(folder: str, given: bool) -> AddressError:
    rule = f"the path of the socket folder is limited to {FOLDER_LIMIT} bytes"
    if given:
        return AddressError(
            rule,
            section="COMMUNICATION",
            key="socket_dir",
            value=folder,
            expected="a shorter one",
        )
    return AddressError(
        f"{rule}, but the default is {folder}",
        section="COMMUNICATION",
        key="comm_class",
        value="IPC",
        expected="socket_dir = a short path, such as /tmp/sockets, or a shorter TMPDIR",
    )


def _default_dir() -> str:
    return os.path.join(tempfile.gettempdir(), f"decentralizepy-{os.getuid()}")
