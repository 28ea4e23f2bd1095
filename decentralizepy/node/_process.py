"""What a node may set when the process is its own: threads, allocator, seeds."""

import contextlib
import ctypes
import multiprocessing
import os
import random
import threading
from collections.abc import Iterator

import numpy as np
import torch

_BUILDING = threading.Lock()  # torch draws initial weights from one global generator
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20


def is_own() -> bool:
    """Tell whether this process was started for a node, and holds no other."""
    return multiprocessing.parent_process() is not None


def configure(local_nodes: int) -> None:
    """Share the machine's cores among its nodes; keep freed memory for the next step."""
    if is_own():
        cores = len(os.sched_getaffinity(0))
        torch.set_num_threads(max(1, cores // max(1, local_nodes)))
        keep_freed_memory()


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
        torch.manual_seed(value)


@contextlib.contextmanager
def initial_weights(value: int) -> Iterator[None]:
    """Build a model from seed ``value``, whatever other nodes draw in this process."""
    with _BUILDING, torch.random.fork_rng(devices=[]):
        torch.manual_seed(value)
        yield
