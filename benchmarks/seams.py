"""A node that records how much CPU time each part of its rounds takes."""

import json
import resource
import time
from collections import Counter
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import torch

from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.Node import Node
from decentralizepy.node.rounds import Rounds
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.training.Training import Training

try:
    from decentralizepy.training import _steps
except ImportError:  # an older checkout
    _steps = None  # type: ignore[assignment]

SEAMS: dict[str, list[tuple[Any, str]]] = {
    "batch": [(Training, "train")],  # all that is not a step
    "step": [(Training, "trainstep")],
    "forward": [(Training, "batch_loss")],
    "backward": [(torch.Tensor, "backward")],
    "optimizer": [
        (torch.optim.SGD, "step"),
        (torch.optim.SGD, "zero_grad"),
        (Node, "renew_optimizer"),
        *([(_steps, "step"), (_steps, "zero_grad")] if _steps else []),
    ],
    "message": [(Rounds, "share")],
    "receive": [(Rounds, "gather")],
    "average": [(Sharing, "_averaging"), (Rounds, "check_average")],
    "results": [(Rounds, "record")],
}


class Clock:
    """CPU time of one thread by part, where an inner part does not count for an outer."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._parts, self._since = ["rest"], time.thread_time()

    def enter(self, part: str) -> None:
        self._note()
        self._parts.append(part)

    def leave(self) -> None:
        self._note()
        self._parts.pop()

    def _note(self) -> None:
        now = time.thread_time()
        self.spent[self._parts[-1]] += now - self._since
        self._since = now

    def watch(self, owner: Any, name: str, part: str) -> None:
        """Count the calls of a method as ``part``."""
        method: Callable[..., Any] = getattr(owner, name)

        @wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.enter(part)
            try:
                return method(*args, **kwargs)
            finally:
                self.leave()

        setattr(owner, name, timed)

    def lap(self) -> dict[str, float]:
        """Return the seconds by part since the last call."""
        self._note()
        spent, self.spent = self.spent, Counter()
        return dict(spent)


class TimedNode(DPSGDNode):
    """Write ``<rank>_seams.json``: for each round, seconds and counts by part.

    ``threads`` is the CPU time of all threads but the node's own; ``waits``,
    ``preempted`` and ``faults`` count context switches and page faults.
    """

    def run(self) -> None:
        self.clock, self.laps = Clock(), []
        for part, places in SEAMS.items():
            for owner, name in places:
                self.clock.watch(owner, name, part)
        self._before = self._counts()
        super().run()
        path = Path(self.log_dir, f"{self.rank}_seams.json")
        path.write_text(json.dumps(self.laps))

    def record(self) -> None:
        super().record()
        lap, now = self.clock.lap(), self._counts()
        counts = {name: now[name] - self._before[name] for name in now}
        counts["threads"] = max(0.0, counts["process"] - sum(lap.values()))
        self._before = now
        self.laps.append(lap | counts)

    @staticmethod
    def _counts() -> dict[str, float]:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "wall": time.monotonic(),
            "process": time.process_time(),
            "waits": usage.ru_nvcsw,
            "preempted": usage.ru_nivcsw,
            "faults": usage.ru_minflt,
        }
