"""Atomic file writes."""

import os
import secrets
from pathlib import Path


def shared_text(path: Path) -> str:
    """Return the text in a file that another machine may have written; "" if none is there."""
    try:
        os.listdir(path.parent)  # has NFS ask its server
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def write_atomic(
    path: str | os.PathLike[str], data: str | bytes, sync: bool = True
) -> None:
    """Write ``data`` so that, even after a crash, the file is either the old or the new one.

    The data is written to a temporary file next to ``path``, synced, and renamed. If
    ``path`` is a link, its target is replaced. Anything but a regular file, such as
    ``/dev/stdout``, is written to directly.

    Parameters
    ----------
    path
        The file; its folder must exist.
    data
        Bytes, or text, which is written as UTF-8 with line endings unchanged.
    sync
        Whether to wait until the disk has it. Otherwise a crash of the system, but not of
        the process, may leave an empty file.

    Raises
    ------
    OSError
        If writing fails; the old file is unchanged, and no temporary file is left.
    """
    content = data.encode() if isinstance(data, str) else data
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    beside = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
