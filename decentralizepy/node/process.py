"""What a node may set when the process is its own: threads, allocator, seeds."""

import contextlib
import ctypes
import fcntl
import functools
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Iterator

import numpy as np
import torch

from decentralizepy.randomness import torch_seed

_BUILDING = threading.Lock()  # torch draws initial weights from one global generator
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_TURN_S = 0.005  # how often a node looks whether its turn has come
_KEPT_BYTES = 256 << 20


def is_own() -> bool:
    """Tell whether this process was started for a node, and holds no other."""
    return multiprocessing.parent_process() is not None


def configure(local_nodes: int) -> None:
    """Share the machine's cores among its nodes; keep freed memory for the next step."""
    if is_own():
        torch.set_num_threads(threads(local_nodes))
        keep_freed_memory()
        with contextlib.suppress(OSError, AttributeError):  # not Linux
            # fewer switches between nodes: each finds more of its data in the cache
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def threads(local_nodes: int) -> int:
    """Return how many threads each of a machine's nodes may use."""
    return max(1, cores() // max(1, local_nodes))


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def turn(log_dir: str, rank: int, local_nodes: int, patience: float) -> Iterator[None]:
    """Compute for long, such as an evaluation, while few other nodes do.

    Where nodes are more than cores, as many take turns as there are cores: all at once
    would push each other's data out of the cache, for a fifth of the time. A turn is a
    lock on a file, which the kernel takes back from a node that dies; after ``patience``
    seconds a node goes on without one, since the other may hang.
    """
    if not takes_turns(local_nodes):
        yield
        return
    file = turn_file(log_dir, rank)
    deadline = time.monotonic() + patience
    while not _locked(file) and time.monotonic() < deadline:
        time.sleep(_TURN_S)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def takes_turns(local_nodes: int) -> bool:
    """Tell whether nodes of this machine compute in turn."""
    return is_own() and local_nodes > cores()


@functools.cache
def turn_file(log_dir: str, rank: int) -> int:
    """Return the file that a node's turn is a lock on, opened once and for its user alone.

    Whoever can read a file can lock it; and if strangers take all files that the node
    may open, it needs no more of them.
    """
    path = os.path.join(log_dir, f".turn{max(rank, 0) % cores()}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def keep_freed_memory() -> None:
    """Stop glibc giving large blocks back to the kernel after every step.

    Each would come back as page faults: a tenth to a quarter of training time.
    """
    with contextlib.suppress(OSError, AttributeError):  # another libc: nothing to set
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def seed(value: int) -> None:
    """Seed the generators that foreign code and dropout draw from."""
    if is_own():
        random.seed(value)
        np.random.seed(value % 2**32)
        torch.manual_seed(torch_seed(value))


@contextlib.contextmanager
def initial_weights(value: int) -> Iterator[None]:
    """Build a model from seed ``value``, whatever other nodes draw in this process."""
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch_seed(value))
        yield
