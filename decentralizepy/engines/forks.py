"""How processes are forked, without OpenMP's threads, which nobody could wake there."""

import ctypes
import multiprocessing
from contextlib import suppress
from pathlib import Path
from typing import Any

_RUNTIMES = ("libgomp", "libomp", "libiomp")
_HARD = 2  # omp_pause_hard: the threads end, and start anew when needed
_MAPS = Path("/proc/self/maps")


def end_threads() -> None:
    """End the OpenMP threads of the calling thread, which has used torch before.

    That is the case in a notebook or a user's driver. A child would wait for them without
    end in its first parallel operation.
    """
    for path in _loaded():
        with suppress(OSError, AttributeError):  # older than OpenMP 5.0
            ctypes.CDLL(path).omp_pause_resource_all(_HARD)


def context() -> Any:
    """Return the context of multiprocessing that forks, or else the system's own."""
    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in methods else None)


def _loaded() -> set[str]:
    """Return the files of the OpenMP runtimes that this process has loaded."""
    try:
        lines = _MAPS.read_text().splitlines()
    except OSError:  # not Linux
        return set()
    paths = {line.split(maxsplit=5)[-1] for line in lines}
    return {path for path in paths if Path(path).name.startswith(_RUNTIMES)}
