"""Files that are written whole or not at all."""

import os
import secrets
from pathlib import Path


def write_atomic(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write ``data`` so that a reader, or a crash, sees the old file or the new one.

    The data goes to a file beside ``path``, to the disk, and then takes its name. A
    link stays a link: what it points to is replaced. What is not a plain file, such as
    ``/dev/stdout``, is written to directly.

    Parameters
    ----------
    path
        The file; its folder must exist.
    data
        Bytes, or text that is written as UTF-8 with its line ends as they are.

    Raises
    ------
    OSError
        If it cannot be written; the old file is then untouched and no other is left.
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
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
