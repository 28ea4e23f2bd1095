"""Finds the nodes that hang or are stopped while others wait for them."""

import os
import re
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path

from decentralizepy.engines.failure import is_users
from decentralizepy.runs.spec import NodeSpec

STACK_S = 1.0  # for nodes to write where they are, or to end
# in the stack of a node that waits for messages, or for its turn to evaluate while another
# one does, and of a worker whose nodes all wait
WAITING = (f"node{os.sep}mailbox.py", "in turn\n", "in _pass_time\n")
SHOWN = 3  # nodes of which the line is told during a wait
_FRAME = re.compile(r'File "(.+)", line (\d+) in (.+)')
_STACK = "Stack (most recent call first):\n"  # as faulthandler begins


def describe(nodes: Iterable[tuple[NodeSpec, BaseProcess]]) -> str:
    """Return which running nodes do not wait for others, and where they are, as text.

    A peer times out on its neighbors, which may themselves be waiting for the node that
    hangs; only this one is described.
    """
    stuck = [
        (process, text) for spec, process in nodes if (text := _place(spec, process))
    ]
    deadline = time.monotonic() + STACK_S
    for process, _ in stuck:  # one that is just ending does not hang
        process.join(max(0.0, deadline - time.monotonic()))
    return "".join(text for process, text in stuck if process.exitcode is None)


def places(nodes: Iterable[tuple[NodeSpec, BaseProcess]]) -> str:
    """Return the file and line of nodes that do not wait for others, as text.

    Each of them also writes its stack to its log.
    """
    told = []
    for spec, process in islice(nodes, SHOWN):
        name = spec.name or f"uid {spec.uid}"
        if _is_stopped(process):
            told.append(f"{name} is stopped, as by SIGSTOP")
        elif frame := _frame(_stack_if_stuck(spec, process)):
            told.append(f"{name} is at {frame}")
    return ", ".join(told)


def _frame(stack: str) -> str:
    """Return the innermost line of the user's code in a stack, or else of any code."""
    found = _FRAME.findall(stack)
    frames = [frame for frame in found if not frame[0].startswith("<")]
    own = [frame for frame in frames if is_users(frame[0])]
    return "{}:{} in {}".format(*(own or frames)[0]) if frames else ""


def _place(spec: NodeSpec, process: BaseProcess) -> str:
    """Return where a node hangs, or nothing if it waits for others or has ended."""
    if _is_stopped(process):
        return (
            f"\n{spec} is stopped, as by SIGSTOP (kill -CONT {process.pid} resumes it)"
        )
    stack = _stack_if_stuck(spec, process)
    return f"\n{spec} hangs here:\n{stack}" if stack else ""


def _stack_if_stuck(spec: NodeSpec, process: BaseProcess) -> str:
    """Return the stack of a node, or nothing if it waits for others or has ended."""
    if process.exitcode is not None or process.pid is None:
        return ""
    stack = stack_of(process.pid, spec.log)
    return "" if any(words in stack for words in WAITING) else stack


def _is_stopped(process: BaseProcess) -> bool:
    import psutil  # slow to import, and only needed for an error

    if process.exitcode is None and process.pid is not None:
        with suppress(psutil.Error):
            status = psutil.Process(process.pid).status()
            return bool(status == psutil.STATUS_STOPPED)
    return False


def stack_of(pid: int, log: Path) -> str:
    """Have a node write its stack to its log; return it, or nothing if it does not."""
    with suppress(OSError):
        before = log.stat().st_size
        os.kill(pid, signal.SIGUSR1)
        deadline, written = time.monotonic() + STACK_S, b""
        while time.monotonic() < deadline:
            time.sleep(STACK_S / 20)
            last, written = written, log.read_bytes()[before:]
            _, _, stack = written.decode(errors="replace").partition(_STACK)
            if stack and written == last:
                return stack.rstrip()
    return ""
