"""What a run depends on besides its INI file: code, packages, files and the machine."""

import hashlib
import importlib.metadata
import os
import platform
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from decentralizepy.machine import Machine, cores

GIT_S = 10.0  # seconds that git may take
HASHED = 1 << 28  # bytes of a folder; of a larger one, only names and sizes are hashed
_CHUNK = 1 << 20


def packages() -> dict[str, str]:
    """Return the versions of all installed packages."""
    found = (each.metadata for each in importlib.metadata.distributions())
    versions = {each["Name"]: each["Version"] for each in found}
    return dict(sorted(versions.items(), key=lambda item: str(item[0]).lower()))


def machine() -> dict[str, Any]:
    """Return what the machine is, as far as it can change the bits or the time of a run."""
    free = Machine().memory()
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cores": cores(),
        "memory_free": free.amount if free else None,
        "gpus": gpus(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }


def cpu() -> str:
    """Return the model of the CPU; the architecture if it is not known."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.machine()


def gpus(proc: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """Return the models of NVIDIA's GPUs, without touching them."""
    found = []
    for path in sorted(proc.glob("*/information")):
        lines = path.read_text(encoding="utf-8").splitlines()
        fields = dict(line.partition(":")[::2] for line in lines)
        found.append(fields.get("Model", "unknown").strip())
    return found


def commit(path: Path) -> dict[str, Any]:
    """Return the git commit of a file or folder, and whether it differs from that.

    Both are None if git does not track it.
    """
    folder, name = (path, ".") if path.is_dir() else (path.parent, path.name)
    unknown: dict[str, Any] = {"commit": None, "dirty": None}
    if not _git(folder, "ls-files", "--", name):
        return unknown
    head = _git(folder, "rev-parse", "HEAD")
    changed = _git(folder, "status", "--porcelain", "--", name)
    return {"commit": head, "dirty": bool(changed)} if head else unknown


def _git(folder: Path, *words: str) -> str:
    """Return what git prints; "" if it fails or is not installed."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            timeout=GIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def files(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file and folder that exists."""
    return {str(path): of_path(path) for path in paths if path.exists()}


def of_path(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder.

    Of a folder with more than ``HASHED`` bytes, sizes stand for contents, and the result
    begins with ``sizes:``.
    """
    if path.is_file():
        return _of_file(path)
    inside = sorted(each for each in path.rglob("*") if each.is_file())
    sizes = {each: each.stat().st_size for each in inside}
    whole = sum(sizes.values()) <= HASHED
    digest = hashlib.sha256()
    for each, size in sizes.items():
        content = _of_file(each) if whole else str(size)
        digest.update(f"{each.relative_to(path)}\0{content}\n".encode())
    return digest.hexdigest() if whole else f"sizes:{digest.hexdigest()}"


def _of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
