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

FOLDER_LIMIT = 90  # sun_path holds 107 bytes; offset and rank need a few


class IPC(ZeroMQ):
    """ZeroMQ over unix sockets: no ports and no address file, one machine only.

    Parameters
    ----------
    rank, machine_id, mapping, total_procs
        As for :class:`~decentralizepy.communication.Communication.Communication`.
    addresses_filepath : str, default ""
        Not read: an INI file can change from TCP to IPC by the class alone.
    offset : int, default 9000
        Tells runs apart that share a ``socket_dir``.
    recv_timeout : int, default 50
        Milliseconds that ``receive(block=False)`` waits at most.
    socket_dir : str, default ""
        The folder of the sockets. The launcher gives each run one of its own;
        without a launcher it is a folder of this user in the system's temporary one.
    security : {"none", "mac"}, default "none"
        With ``mac`` a node listens only to those who have the run's key; what keeps
        others out in any case is that the folder is its owner's alone: one that others
        can enter is refused.
    key_file : str, default ""
        Of ``mac``: the file of the key, which the launcher makes if none is given.
    max_message : int, default 0
        Bytes that an array, or a header, of a message may have; 0 for no limit.
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
                "unix sockets reach one machine; use TCP",
                section="COMMUNICATION",
                key="comm_class",
                value="IPC",
            )
        given = options.get("socket_dir")
        folder = given or str(scratch)
        if len(os.fsencode(folder)) > FOLDER_LIMIT:
            raise AddressError(_too_long(folder, bool(given)))
        if given:
            own_folder(Path(given))
        uids = [mapping.get_uid(rank, machine_id) for rank in ranks]
        made = _security.prepare(options, uids, uids, True, scratch)
        return {**made, "socket_dir": folder}

    def address(self, rank: int, machine_id: int) -> str:
        return f"ipc://{self.socket_dir}/{self.offset}.{rank}"


def own_folder(folder: Path) -> None:
    """Make a folder that nobody but this user can enter, or check that it is one.

    Raises
    ------
    AddressError
        If others may use it, it is another user's, or a link.
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
        cause = "a link, which its owner can lead elsewhere"
    elif status.st_uid != os.geteuid():
        cause = f"the folder of another user, {status.st_uid}"
    elif mode & 0o077:
        cause = f"others can enter it (mode {mode:o}); chmod 700 {folder}"
    if cause:
        raise AddressError(
            cause, section="COMMUNICATION", key="socket_dir", value=folder
        )


def _too_long(folder: str, given: bool) -> str:
    rule = f"the folder of unix sockets may have {FOLDER_LIMIT} bytes"
    if given:
        return f"[COMMUNICATION] socket_dir = {folder}: {rule}; choose a shorter one"
    return (
        f"[COMMUNICATION] comm_class = IPC: {rule}, but the temporary one is {folder}; "
        "set [COMMUNICATION] socket_dir to a short path, such as /tmp/sockets, or TMPDIR"
    )


def _default_dir() -> str:
    return os.path.join(tempfile.gettempdir(), f"decentralizepy-{os.getuid()}")
