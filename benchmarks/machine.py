"""What a figure was measured with: processor, libraries, and the clock of child processes."""

import os
import platform
import re
import resource
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from decentralizepy.machine import cores

LIBRARIES = ("torch", "numpy", "pyzmq", "msgpack")
FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")


def describe() -> str:
    """Return two lines: the processor with its vector units, and the versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    text = _read("/proc/cpuinfo")
    flags = set(_field(text, "flags").split())
    vectors = " ".join(flag for flag in FLAGS if flag in flags) or "no AVX2"
    name = _field(text, "model name") or platform.machine()
    family = f"family {_field(text, 'cpu family')}, model {_field(text, 'model')}"
    libraries = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    return (
        f"{cores()} cores of {name} ({family}; {vectors}), {memory:.0f} GiB\n"
        f"{platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {libraries}"
    )


def children_cpu() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # not Linux
        return ""


def _field(text: str, name: str) -> str:
    found = re.search(rf"^{name}\s*: (.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"
