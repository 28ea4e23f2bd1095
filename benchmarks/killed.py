"""Small runs on one machine or several, and what a benchmark kills in them."""

import contextlib
import ctypes
import multiprocessing
import os
import random
import re
import signal
import sys
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks import bits
from decentralizepy.cli import main as command
from decentralizepy.datasets.Digits import CNN, MLP, Digits
from decentralizepy.figures import overview
from tests.support.namespaces import Cable

__all__ = ["CNN", "MLP", "SlowDigits"]
ROUNDS, TRAIN_S, START_S, LIMIT_S = 12, 0.05, 1.5, 150
TRACEBACK = "Traceback (most recent"
PER_MACHINE = 2  # nodes, if there are several machines
TIMED = "EL_Local_Timeout"
NAMES = (
    *("DPSGDNode", "DPSGDNode, CNN, Adam, iid", "DynamicRegular", "EL_Local", TIMED),
    *("EL_Oracle", "KNN", "KFN", "Federated", "Federated, working_rate", "STC"),
    *("DPSGDWithPeerSampler", "PeerSamplerDynamic", "JWINS, Zstd"),
)
EXTRA = {TIMED: {**bits.FULL, **bits.nodes(f"{bits.EL}.{TIMED}", timeout="0.1")}}
EXTRA[TIMED] |= {"NODE.node_class": "EL_Local", "NODE.graph_degree": "2"}
# of a machine that died before it could connect; others wait for those who know
NEVER_SEEN = re.compile(r"waiting (on CONNECT )?for (uid .* on )?machine \d")
WAITED = re.compile("waiting on ")
REFUSALS = (
    "there is no round of which all nodes have a checkpoint",
    "there is no round for which all machines have checkpoints",
    "not the log folder of a run",
    "[FAULTS] on_peer_loss = drop: ",
)
DEGREES = ("GRAPH.degree", "NODE.graph_degree")
OVER_TCP = {
    "COMMUNICATION.comm_package": "decentralizepy.communication.TCP",
    "COMMUNICATION.comm_class": "TCP",
    "COMMUNICATION.addresses_filepath": "../ip.json",
}
# these depend on timing, or count what was sent twice because of the kill
LEFT_OUT = bits.TIMES | {"rejected", "repeated"}


class SlowDigits(Digits):
    """Digits whose rounds are long enough to be killed in."""

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Any:
        time.sleep(TRAIN_S)
        return super().get_trainset(batch_size, shuffle)


def settings(name: str, policy: str, machines: int) -> dict[str, str]:
    """Return a small version of a configuration of :mod:`benchmarks.bits`."""
    changed = {**bits.BASE, **(EXTRA | bits.CONFIGURATIONS)[name]}
    changed |= {key: "2" for key in DEGREES if changed.get(key)}
    if machines > 1:
        changed |= OVER_TCP
    return changed | {
        "DATASET.dataset_package": "benchmarks.killed",
        "DATASET.dataset_class": "SlowDigits",
        "RUN.procs_per_machine": str(PER_MACHINE) if machines > 1 else "4",
        "RUN.machines": str(machines),
        "RUN.iterations": str(ROUNDS),
        "RUN.train_evaluate_after": "1",
        "RUN.checkpoint_every": "3",
        "FAULTS.on_peer_loss": policy if policy != "resume" else "abort",
        "FAULTS.start_timeout": "20",
        "FAULTS.peer_timeout": "30",
    }


class Kill(NamedTuple):
    """What was killed, and when.

    Attributes
    ----------
    words : str
    machine : int
    process : int or None
        The process by number, from 0 and a service first; None: the launcher; -1: nothing.
    uid : int
        That of the process.
    begun : bool
        Whether all nodes had finished a round.
    """

    words: str
    machine: int
    process: int | None
    uid: int = 0
    begun: bool = True

    @property
    def lost(self) -> set[int]:
        """The uids of the nodes that died with what was killed."""
        first = self.machine * PER_MACHINE
        whole = set(range(first, first + PER_MACHINE))
        return whole if self.process is None else {self.uid}

    def named(self, screen: str, machine: int, dropped: bool) -> bool:
        """Return whether a machine's screen says what was killed.

        With ``dropped``, all uids that were lost; otherwise at least one, or a node or
        service of the same machine that had to end, too.
        """
        place = rf"\(rank -?\d+, machine {self.machine}\)"
        killed = re.search(rf"uid {self.uid} {place} was killed by SIGKILL", screen)
        if self.process is not None and (killed or machine == self.machine):
            return bool(killed)
        lists = re.findall(r"lost uid (-?\d+(?:, -?\d+)*)", screen)
        named = {int(uid) for each in lists for uid in each.split(", ")}
        if dropped:
            return self.lost <= named
        gone = f"machine {self.machine}: its launcher has died" in screen
        died = self._replace(process=None).lost | {-1}
        return gone or bool(died & named)


class Run:
    """An experiment in a folder, with a launcher for each machine."""

    def __init__(
        self, folder: Path, name: str, policy: str, cable: Cable | None
    ) -> None:
        folder.mkdir()
        self.namespaces = cable.names if cable else [""]
        self.name, self.settings = name, settings(name, policy, len(self.namespaces))
        (folder / "run.ini").write_text(bits.ini(self.settings))
        self.folder = folder
        self.launchers: list[BaseProcess] = []

    def start(self, resume: bool = False) -> None:
        fork, self.launchers = multiprocessing.get_context("fork"), []
        for machine, namespace in enumerate(self.namespaces):
            log, weights = f"log{machine}", str(self.folder / "weights")
            words = ["run.ini", "-mid", str(machine), "-ld", log, "-wsd", weights]
            words = ["--resume", log] if resume else words
            arguments = (self.folder, machine, namespace, ["run", *words])
            launcher = fork.Process(target=_launch, args=arguments)
            launcher.start()
            self.launchers.append(launcher)

    def wait(self) -> list[int] | None:
        """Return the exit status of each machine, or None if one does not end.

        ``ended`` is then the time since the epoch.
        """
        deadline = time.monotonic() + LIMIT_S
        for launcher in self.launchers:
            launcher.join(max(0.0, deadline - time.monotonic()))
        codes = [launcher.exitcode for launcher in self.launchers]
        self.ended = time.time()
        for launcher in self.launchers:
            launcher.kill()
            launcher.join()
        ended = [code for code in codes if code is not None]
        return ended if len(ended) == len(codes) else None

    def rounds(self) -> dict[str, int]:
        """Return how many rounds each node has written, by the name of its file."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes().count(b'{"round"')
            for path in self.folder.glob("log*/*_results.jsonl")
        }

    def screens(self) -> list[str]:
        return [path.read_text() for path in sorted(self.folder.glob("screen*"))]

    def last_round(self) -> float:
        """Return when the last line of results was written, since the epoch; 0: none."""
        lines = self.folder.glob("log*/*_results.jsonl")
        return max([0.0, *(path.stat().st_mtime for path in lines)])

    def explains(self, codes: Sequence[int], kill: Kill, dropped: bool) -> bool:
        """Tell whether all launchers failed, and those that could say what was killed.

        A launcher that was killed cannot, and one to which a machine was never connected
        only knows that it never came. ``dropped`` is as for :meth:`Kill.named`.
        """
        screens = self.screens()
        waited = WAITED if any(map(NEVER_SEEN.search, screens)) else NEVER_SEEN
        return 0 not in codes and all(
            code == -signal.SIGKILL
            or kill.process == -1
            or (TRACEBACK not in screen and waited.search(screen))
            or (TRACEBACK not in screen and kill.named(screen, machine, dropped))
            for machine, (code, screen) in enumerate(zip(codes, screens, strict=True))
        )

    def refused(self, codes: Sequence[int]) -> str:
        """Return why no machine would start; nothing if one gives no known reason.

        Others may only know that a machine never came.
        """
        reasons = []
        screens = self.screens()
        waited = WAITED if any(map(NEVER_SEEN.search, screens)) else NEVER_SEEN
        for code, screen in zip(codes, screens, strict=True):
            lines = [line.strip() for line in screen.splitlines()]
            known = [each for each in lines if any(map(each.count, REFUSALS))]
            if not (code == 2 and known) and not (code == 3 and waited.search(screen)):
                return ""
            reasons += known
        return reasons[0][:120] if reasons else ""

    def digest(self) -> str:
        """Return the digest of all final weights and results; "" if there are none."""
        weights = sorted(self.folder.glob("weights/*_weight_*.pt"))
        results = sorted(self.folder.glob("log*/*_results.json"))
        if not weights or not results:
            return ""
        if self.name == TIMED:  # when models arrive decides over its bits
            return f"{[path.name for path in weights]} {self.rounds()}"
        gossip = bits.BYTES if self.name in bits.GOSSIP else set()
        return (
            f"{bits.of_weights(weights)} {bits.of_results(results, LEFT_OUT | gossip)}"
        )

    def kill(self, chance: random.Random) -> Kill:
        """Kill a process at a random time."""
        number = chance.randrange(ROUNDS)  # in round 0, nodes load and greet each other
        delay = chance.uniform(0, 2 * TRAIN_S if number else START_S)
        machine, draw = chance.randrange(len(self.launchers)), chance.random()
        launcher = self.launchers[machine]
        while launcher.is_alive() and max([0, *self.rounds().values()]) < number:
            time.sleep(0.002)
        time.sleep(delay)
        if not launcher.is_alive():
            return Kill(f"round {number}, after the end", machine, -1)
        process = psutil.Process(launcher.pid)
        nodes = sorted(process.children(), key=lambda child: child.pid)
        at = int(draw * (len(nodes) + 1))  # the last one is the launcher
        with contextlib.suppress(psutil.NoSuchProcess):
            (nodes[at] if at < len(nodes) else process).kill()
        name = f"process {at}" if at < len(nodes) else "launcher"
        words = f"round {number} + {delay:.2f} s, {name} of machine {machine}"
        uid = machine * PER_MACHINE + at
        if self.serves and machine == 0:
            uid -= 1
        process_number = at if at < len(nodes) else None
        return Kill(words, machine, process_number, uid, number > 0)

    @property
    def serves(self) -> bool:
        """Whether a service runs on the first machine."""
        return bool(self.settings.get("NODE.server_class"))


def _launch(folder: Path, machine: int, namespace: str, words: list[str]) -> None:
    """Be a launcher, in a network namespace if one is given."""
    if namespace:
        with open(f"/run/netns/{namespace}") as file:
            ctypes.CDLL(None).setns(file.fileno(), 0)
    os.chdir(folder)
    screen = os.open(f"screen{machine}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    overview.draw_run = lambda *folders: []  # figures take longer than these runs
    sys.exit(command(words))
