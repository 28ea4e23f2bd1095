"""Settings of a node's own process: threads, scheduling, memory allocator, seeds."""

import contextlib
import ctypes
import fcntl
import functools
import logging
import multiprocessing
import os
import platform
import random
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from decentralizepy.machine import cores
from decentralizepy.node.turn_log import TurnLog
from decentralizepy.randomness import torch_seed

_IN_TURN = ContextVar("_IN_TURN", default=False)
_BATCHING: ContextVar[Any] = ContextVar("_BATCHING", default=None)
_CLOCK: ContextVar[Any] = ContextVar("_CLOCK", default=None)
_HANDLER: ContextVar[logging.Handler | None] = ContextVar("_HANDLER", default=None)
_BUILDING = threading.Lock()  # torch draws initial weights from one global generator
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_TURN_S = 0.005  # how often a node checks whether it is its turn
_KEPT_BYTES = 256 << 20
_SLICE_NS = 100_000_000  # the longest that Linux grants
_RESET_ON_FORK = 1  # of the length, for processes and threads
_SCHED_ATTR = struct.Struct("IIQiIQQQ")
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # Python has no call for it


def is_own() -> bool:
    """Return whether this process was started for a single node."""
    return multiprocessing.parent_process() is not None and not _IN_TURN.get()


def take_turn(batching: Any = None, clock: Any = None) -> None:
    """Say that this node takes turns with others, in a process that is not its own.

    Its global generators and log are its own nevertheless: an engine sees to it.

    Parameters
    ----------
    batching : Batching, optional
        Does what it is given, such as a training step, together with other nodes.
    clock : VirtualClock, optional
        Says when messages arrive, and what time it is.
    """
    _IN_TURN.set(True)
    _BATCHING.set(batching)
    _CLOCK.set(clock)


def batching() -> Any:
    """Return what does this node's work together with that of others; None if none does."""
    return _BATCHING.get()


def clock() -> Any:
    """Return the virtual clock that decides when messages arrive; None if there is none."""
    return _CLOCK.get()


def is_private() -> bool:
    """Return whether global generators and the root log belong to one node."""
    return is_own() or _IN_TURN.get()


def log_to(handler: logging.Handler, level: int) -> None:
    """Have everything that this node's code logs go to ``handler``, and nowhere else."""
    root = logging.getLogger()
    if root.level != level:
        root.setLevel(level)  # unlike .level, clears the cached levels
    if is_own():
        root.handlers = [handler]
    else:
        _HANDLER.set(handler)


def log_file(path: str | os.PathLike[str]) -> logging.Handler:
    """Return a handler that appends to ``path``: that of this turn, if it does so."""
    if not _IN_TURN.get():
        return logging.FileHandler(path)
    present = _HANDLER.get()
    if isinstance(present, TurnLog) and present.path == os.path.abspath(path):
        return present
    return TurnLog(path)


class OwnLog(logging.Handler):
    """Passes each record to the log of the node that is taking its turn.

    What is logged outside of turns goes to ``others``.
    """

    def __init__(self, others: list[logging.Handler]) -> None:
        super().__init__()
        self.others = others

    def emit(self, record: logging.LogRecord) -> None:
        own = _HANDLER.get()
        for handler in [own] if own else self.others:
            if record.levelno >= handler.level:
                handler.handle(record)


def configure(local_nodes: int) -> None:
    """Divide the cores among the machine's nodes, and keep freed memory for reuse."""
    if is_own():
        torch.set_num_threads(threads(local_nodes))
        keep_freed_memory()
        schedule_in_long_slices()


def schedule_in_long_slices() -> None:
    """Have this thread preempt others less often, and be preempted less often.

    Otherwise nodes that share a core evict each other's data from the cache, several
    times in a training step. The threads that it starts have slices of the usual length:
    those of ZeroMQ must not wait until every other node has used up its own.
    """
    with contextlib.suppress(OSError, AttributeError):  # not Linux
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        attributes = _SCHED_ATTR.pack(
            _SCHED_ATTR.size,
            os.SCHED_BATCH,
            _RESET_ON_FORK,
            nice,
            0,
            _SLICE_NS,
            0,
            0,
        )
        if number := _SCHED_SETATTR.get(platform.machine()):
            # before 6.12, Linux ignores the length of the slice
            ctypes.CDLL(None).syscall(number, 0, attributes, 0)


def threads(local_nodes: int) -> int:
    """Return the number of threads that each of a machine's nodes may use.

    That is its share of the cores, but at most ``OMP_NUM_THREADS``.
    """
    share = max(1, cores() // max(1, local_nodes))
    return min(share, _omp_threads() or share)


def _omp_threads() -> int | None:
    """Return ``OMP_NUM_THREADS``, or None if it is not set or not valid.

    It may be a list, of which the others are for nested parallel regions.
    """
    try:
        levels = [int(text) for text in os.environ["OMP_NUM_THREADS"].split(",")]
    except (KeyError, ValueError):
        return None
    return levels[0] if min(levels) > 0 else None


@contextlib.contextmanager
def turn(log_dir: str, rank: int, local_nodes: int, patience: float) -> Iterator[None]:
    """Limit how many nodes do a long computation, such as an evaluation, at once.

    If there are more nodes than cores, only one node per core computes at a time.
    Otherwise they would evict each other's data from the cache, which costs a fifth of
    the time. A turn is a file lock, which the kernel releases if a node dies. After
    ``patience`` seconds a node continues without one, since the holder may hang.
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
    """Return whether the nodes of this machine take turns."""
    return is_own() and local_nodes > cores()


@functools.cache
def turn_file(log_dir: str, rank: int) -> int:
    """Return the descriptor of a node's lock file, opened once.

    Only the user can read it, because anyone who can read a file can lock it. It is
    opened early, before hostile connections can use up all file descriptors.
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
    """Stop glibc from returning large blocks to the kernel after every step.

    The page faults when they are used again take 10 to 25 % of the training time, and
    half of the time to receive a model of 100 MB: threads, such as ZeroMQ's, otherwise
    allocate from heaps of their own, of at most 64 MiB, and larger blocks are always
    returned. Call this before the process starts threads.
    """
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_ARENA_MAX, 1)


def seed(value: int) -> None:
    """Seed the global generators, which dropout and foreign code use."""
    if is_private():
        random.seed(value)
        np.random.seed(value % 2**32)
        _seed_torch(torch_seed(value))


@contextlib.contextmanager
def initial_weights(value: int) -> Iterator[None]:
    """Seed the initial weights with ``value``, without affecting other generators."""
    with _BUILDING, torch.random.fork_rng(devices=[]):
        _seed_torch(torch_seed(value))
        yield


def _seed_torch(value: int) -> None:
    if torch.accelerator.current_accelerator() is None:
        torch.default_generator.manual_seed(value)
    else:  # also where there is only the CPU, this looks for devices, which takes longer
        torch.manual_seed(value)


def gpu_generators() -> list[torch.Tensor]:
    """Return the states of the GPUs' global generators, if the process uses GPUs."""
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.get_rng_state_all() if used else []


def restore_gpu_generators(states: Sequence[torch.Tensor]) -> None:
    """Set the states that :func:`gpu_generators` returned."""
    for number, state in enumerate(states):
        torch.cuda.set_rng_state(state, number)
