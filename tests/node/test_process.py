"""Breaks when all nodes compute at once, or a stranger can block them."""

import fcntl
import os
import platform
import subprocess
import sys
import textwrap

import pytest

from decentralizepy.node import process

SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}


@pytest.fixture
def crowded(monkeypatch):
    """Make this process one of more nodes than cores."""
    monkeypatch.setattr(process, "is_own", lambda: True)
    monkeypatch.setattr(process, "cores", lambda: 1)
    process.turn_file.cache_clear()
    yield
    process.turn_file.cache_clear()


@pytest.mark.parametrize(
    ("written", "alone", "shared"),
    [
        (None, 8, 2),
        ("1", 1, 1),
        ("3", 3, 2),
        ("99", 8, 2),
        (" 5 , 2", 5, 2),
        *((ignored, 8, 2) for ignored in ("", "0", "-1", "two", "3,", "3,0", "1.5")),
    ],
)
def test_a_node_has_its_share_of_the_cores_and_no_more_than_omp_allows(
    monkeypatch, written, alone, shared
):
    """Of 8 cores: alone, and one of four. OpenMP ignores the last ones with a warning."""
    monkeypatch.setattr(process, "cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if written is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", written)
    assert process.threads(1) == alone
    assert process.threads(4) == shared
    assert process.threads(9) == 1


def test_a_turn_opens_its_file_once_and_for_its_user_alone(crowded, tmp_path):
    """Else strangers lock it, or take all the files that are left before it is opened."""
    opened = process.turn_file(str(tmp_path), 0)
    for _ in range(3):
        with process.turn(str(tmp_path), 0, 2, patience=0):
            assert process.turn_file(str(tmp_path), 0) == opened
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_turn_is_one_nodes_alone_and_is_given_back(crowded, tmp_path):
    with process.turn(str(tmp_path), 0, 2, patience=0):
        other = os.open(next(tmp_path.iterdir()), os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with process.turn(str(tmp_path), 0, 2, patience=0):  # goes on without one
        pass
    os.close(other)


def test_long_slices_keep_the_priority_that_the_user_chose():
    """Raising it again takes privileges, and would undo ``nice``."""
    told = in_a_process(
        """
        process.schedule_in_long_slices()
        print(os.nice(0))
        """,
        ["nice", "-n", "7"],
    )
    assert told == [str(min(19, os.nice(0) + 7))]


@pytest.mark.skipif(
    platform.machine() not in SCHED_GETATTR, reason="the system call is not known"
)
def test_threads_do_not_inherit_long_slices():
    """Else ZeroMQ's wait until every other node on the core has used up its own.

    Linux before 6.12 tells 0 for all of them.
    """
    number = SCHED_GETATTR[platform.machine()]
    told = in_a_process(f"""
        attributes = struct.Struct("IIQiIQQQ")

        def slices():
            buffer = ctypes.create_string_buffer(attributes.size)
            ctypes.CDLL(None).syscall({number}, 0, buffer, attributes.size, 0)
            print(attributes.unpack(buffer.raw)[5])

        slices()
        process.schedule_in_long_slices()
        thread = threading.Thread(target=slices)
        thread.start()
        thread.join()
        """)
    assert told[0] == told[1]


def test_a_thread_reuses_the_memory_of_a_large_model():
    """ZeroMQ receives in a thread of its own; a page fault per page doubles its work."""
    told = in_a_process("""
        from resource import RUSAGE_SELF, getrusage

        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p

        def receive_models(size=100_000_000):
            for _ in range(3):
                before = getrusage(RUSAGE_SELF).ru_minflt
                block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size)))
                ctypes.memset(block, 1, size)
                libc.free(block)
                print(getrusage(RUSAGE_SELF).ru_minflt - before)

        process.keep_freed_memory()
        thread = threading.Thread(target=receive_models)
        thread.start()
        thread.join()
        """)
    first, *others = map(int, told)
    assert first > 10 * max(others)


def in_a_process(text, prefix=()):
    """Run Python code in a process of its own, whose scheduling it may change."""
    names = "ctypes, os, struct, threading"
    code = f"import {names}\nfrom decentralizepy.node import process\n"
    command = [*prefix, sys.executable, "-c", code + textwrap.dedent(text)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return run.stdout.split()
