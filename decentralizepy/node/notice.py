"""Notices of long waits: a node leaves one in a file, its launcher reads it."""

import fcntl
import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SUFFIX = ".waiting"


class Notice:
    """A wait that goes on, told in ``<log_dir>/<rank>.waiting``.

    The file is locked while the wait lasts, so that nobody believes a notice of a
    process that was killed: the kernel takes its lock back.

    Parameters
    ----------
    log_dir : str
    rank : int
    content : dict
        What can be written as JSON.
    """

    def __init__(self, log_dir: str, rank: int, content: dict[str, Any]) -> None:
        self._path = Path(log_dir, f"{rank}{SUFFIX}")
        self._file = self._path.open("w", encoding="utf-8", buffering=1)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(json.dumps(content) + "\n")

    def end(self) -> None:
        """Take the notice away."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # a full disk: what was held back is of no use any more
            self._file.close()


def notices(log_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield the notices of waits that go on."""
    for path in sorted(log_dir.glob(f"*{SUFFIX}")):
        with suppress(OSError, ValueError), path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                content = json.loads(file.read())
                if isinstance(content, dict):
                    yield content


def give_notice(
    node: Any, channel: str, missing: Collection[int], since: float
) -> Notice | None:
    """Leave a notice of a node's wait that began at ``since`` of ``time.monotonic``.

    None if the node has no folder, if the disk is full, or for a wait to be asked, which
    is no wait for anybody: so services and the clients of a server pass their time.
    """
    log_dir, mapping = getattr(node, "log_dir", None), getattr(node, "mapping", None)
    if log_dir is None or mapping is None or channel.endswith("_REQUEST"):
        return None
    machines = {
        mapping.get_machine_and_rank(u)[1] for u in range(mapping.get_n_procs())
    }
    content = {
        "uid": node.uid,
        "channel": channel,
        "round": getattr(node, "iteration", 0) + 1,
        "since": since,
        "missing": {uid: machine_of(node, uid) for uid in sorted(missing)},
        "machines": len(machines),
    }
    with suppress(OSError):
        return Notice(log_dir, node.rank, content)
    return None


def machine_of(node: Any, uid: int) -> str:
    """Return another machine's number and host, as text; empty for the node's own."""
    mapping = getattr(node, "mapping", None)
    if mapping is None:
        return ""
    rank, machine = mapping.get_machine_and_rank(uid)
    if machine == node.machine_id:
        return ""
    address = getattr(node.communication, "address", lambda *place: "")(rank, machine)
    host = urlsplit(address).hostname
    return f"machine {machine} ({host})" if host else f"machine {machine}"


def name_peers(node: Any, uids: Collection[int]) -> str:
    """Return uids as text, those of other machines with the machine."""
    places: dict[str, list[str]] = {}
    for uid in sorted(uids):
        places.setdefault(machine_of(node, uid), []).append(str(uid))
    return ", ".join(
        f"uid {', '.join(group)}" + (f" on {machine}" if machine else "")
        for machine, group in places.items()
    )
