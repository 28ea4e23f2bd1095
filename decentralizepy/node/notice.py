"""Notices of long waits, which nodes leave in files for the launcher to read."""

import fcntl
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SUFFIX = ".waiting"


class Notice:
    """An ongoing wait, announced in ``<log_dir>/<rank>.waiting``.

    The file is locked during the wait. The kernel releases the lock if the process is
    killed, so a stale notice is recognized as such.

    Parameters
    ----------
    log_dir : str
    rank : int
    content : dict
        Must be serializable as JSON.
    """

    def __init__(self, log_dir: str, rank: int, content: dict[str, Any]) -> None:
        self._path = Path(log_dir, f"{rank}{SUFFIX}")
        self._file = self._path.open("w", encoding="utf-8", buffering=1)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._file.write(json.dumps(content) + "\n")

    def end(self) -> None:
        """Remove the notice."""
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # disk full: the unwritten rest no longer matters
            self._file.close()


def notices(log_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield the notices of ongoing waits."""
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
    """Leave a notice of a wait that began at ``since``, in terms of ``time.monotonic``.

    Return None if the node has no log folder or the disk is full. Waits for requests are
    not announced either: services and the clients of a server are idle between requests.
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
        "unexpected": node.unexpected(),
    }
    with suppress(OSError):
        return Notice(log_dir, node.rank, content)
    return None


def asymmetry(uid: int, unexpected: Mapping[Any, int]) -> str:
    """Return a hint on peers that send to a node which does not wait for them, or "".

    Parameters
    ----------
    uid
        The node.
    unexpected
        The round of a message by the uid of its sender.
    """
    return "".join(
        f"; uid {peer} sends to uid {uid} in round {number}, which does not wait for it: "
        "their get_neighbors or get_senders disagree"
        for peer, number in unexpected.items()
    )


def machine_of(node: Any, uid: int) -> str:
    """Return a machine's number and host as text, or "" for the node's own machine."""
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
    """Return uids as text, with the machine of those on other machines."""
    places: dict[str, list[str]] = {}
    for uid in sorted(uids):
        places.setdefault(machine_of(node, uid), []).append(str(uid))
    return ", ".join(
        f"uid {', '.join(group)}" + (f" on {machine}" if machine else "")
        for machine, group in places.items()
    )
