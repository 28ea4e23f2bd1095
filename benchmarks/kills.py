"""Kill random processes of many small runs, and check how each run ends.

``python -m benchmarks.kills --kills N --seed S`` prints one line per kill and the number
of each outcome. A killed run must end with the bits of an unbroken one, or with an error
that gives the reason; the exit status is 1 if one ended wrong or not at all.

With ``--machines 3``, the machines are network namespaces, which need root.
"""

import argparse
import contextlib
import ctypes
import importlib
import itertools
import json
import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from benchmarks import bits
from benchmarks.bits_worker import SLOW
from decentralizepy.cli import main as command
from decentralizepy.datasets.Digits import CNN, MLP, Digits
from decentralizepy.figures import overview
from tests.support.namespaces import Cable

__all__ = ["CNN", "MLP", "SlowDigits"]
ROUNDS, TRAIN_S, START_S, LIMIT_S = 12, 0.05, 1.5, 150
EQUAL, REFUSED = "equal bits", "refused with a reason"
FINISHED, STOPPED = "survivors finished, status 1", "survivors stopped, with a reason"
WRONG, HUNG, TRACEBACK = "WRONG", "HUNG", "Traceback (most recent"
PER_MACHINE = 2  # nodes, if there are several machines
NAMES = (
    *("DPSGDNode", "DPSGDNode, CNN, Adam, iid", "DynamicRegular", "EL_Local"),
    *("EL_Oracle", "KNN", "KFN", "Federated", "Federated, working_rate", "STC"),
    *("DPSGDWithPeerSampler", "PeerSamplerDynamic", "JWINS, Zstd"),
)
DEGREES = ("GRAPH.degree", "NODE.graph_degree")
OVER_TCP = {
    "COMMUNICATION.comm_package": "decentralizepy.communication.TCP",
    "COMMUNICATION.comm_class": "TCP",
    "COMMUNICATION.addresses_filepath": "../ip.json",
}
POLICIES = ("resume", "restart", "drop")
# these depend on timing, or count what was sent twice because of the kill
LEFT_OUT = bits.TIMES | bits.BYTES | {"rejected", "repeated", "total_control"}


class SlowDigits(Digits):
    """Digits whose rounds are long enough to be killed in."""

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Any:
        time.sleep(TRAIN_S)
        return super().get_trainset(batch_size, shuffle)


def settings(name: str, policy: str, machines: int) -> dict[str, str]:
    """Return a small version of a configuration of :mod:`benchmarks.bits`."""
    changed = {**bits.BASE, **bits.CONFIGURATIONS[name]}
    changed |= {key: "2" for key in DEGREES if changed.get(key)}
    if machines > 1:
        changed |= OVER_TCP
    return changed | {
        "DATASET.dataset_package": "benchmarks.kills",
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
    """What was killed: a process by number, a launcher (None), or nothing (-1)."""

    words: str
    machine: int
    process: int | None


class Run:
    """An experiment in a folder, with a launcher for each machine."""

    def __init__(self, folder: Path, text: str, cable: Cable | None) -> None:
        folder.mkdir()
        (folder / "run.ini").write_text(text)
        self.folder, self.namespaces = folder, cable.names if cable else [""]
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
        """Return the exit status of each machine, or None if one does not end."""
        deadline = time.monotonic() + LIMIT_S
        for launcher in self.launchers:
            launcher.join(max(0.0, deadline - time.monotonic()))
        codes = [launcher.exitcode for launcher in self.launchers]
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

    def explains(self, codes: Sequence[int]) -> bool:
        """Tell whether each failed launcher gave a reason; one that was killed cannot."""
        return all(
            code in (0, -signal.SIGKILL) or (screen.strip() and TRACEBACK not in screen)
            for code, screen in zip(codes, self.screens(), strict=True)
        )

    def digest(self) -> str:
        """Return the digest of all final weights and results; "" if there are none."""
        weights = sorted(self.folder.glob("weights/*_weight_*.pt"))
        results = sorted(self.folder.glob("log*/*_results.json"))
        if not weights or not results:
            return ""
        return f"{bits.of_weights(weights)} {bits.of_results(results, LEFT_OUT)}"

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
        (nodes[at] if at < len(nodes) else process).kill()
        name = f"process {at}" if at < len(nodes) else "launcher"
        words = f"round {number} + {delay:.2f} s, {name} of machine {machine}"
        return Kill(words, machine, at if at < len(nodes) else None)


def _launch(folder: Path, machine: int, namespace: str, words: list[str]) -> None:
    """Be a launcher, in a network namespace if one is given."""
    if namespace:
        with open(f"/run/netns/{namespace}") as file:
            ctypes.CDLL(None).setns(file.fileno(), 0)
    os.chdir(folder)
    screen = os.open(f"screen{machine}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    overview.draw_run = lambda folder: []  # figures take longer than these runs
    sys.exit(command(words))


def judge(run: Run, kill: Kill, policy: str, clean: Run) -> tuple[str, float]:
    """Return the outcome of a run with a kill, and the seconds until it ended."""
    start = time.monotonic()
    codes = run.wait()
    seconds = time.monotonic() - start
    if codes is not None and any(codes) and may_resume(run, kill, policy):
        if not run.explains(codes):
            return WRONG, seconds
        run.start(resume=True)
        codes = run.wait()
    elif codes is not None and policy == "drop" and kill.process != -1:
        return judge_drop(run, kill, codes, clean), seconds
    if codes is None:
        return HUNG, seconds
    if any(codes):
        return REFUSED if run.explains(codes) else WRONG, seconds
    return EQUAL if run.digest() == clean.digest() else WRONG, seconds


def may_resume(run: Run, kill: Kill, policy: str) -> bool:
    """Tell whether the run is over; with ``drop``, survivors may have finished it."""
    return policy != "drop" or (kill.process is None and len(run.launchers) == 1)


def judge_drop(run: Run, kill: Kill, codes: list[int], clean: Run) -> str:
    """Return how a run ended whose survivors should have finished it."""
    if 0 in codes or not run.explains(codes):
        return WRONG
    ended = run.rounds()
    missing = sum(ended.get(name, 0) < count for name, count in clean.rounds().items())
    lost = 1 if kill.process is not None else PER_MACHINE
    return FINISHED if missing <= lost else STOPPED


def campaign(args: argparse.Namespace, folder: Path, cable: Cable | None) -> bool:
    """Run, kill and print; return whether every run ended as it should."""
    tally, clean = Counter[str](), dict[str, Run]()
    seconds = dict[str, list[float]]()
    pairs = itertools.cycle(itertools.product(POLICIES, args.names))
    for number, (policy, name) in enumerate(itertools.islice(pairs, args.kills)):
        text = bits.ini(settings(name, policy, args.machines))
        if name not in clean:
            unbroken = bits.ini(settings(name, "resume", args.machines))
            clean[name] = Run(folder / f"clean-{name}", unbroken, cable)
            clean[name].start()
            codes = clean[name].wait()
            assert codes == [0] * args.machines, "\n".join(clean[name].screens())
        run = Run(folder / f"{number:03}", text, cable)
        run.start()
        kill = run.kill(random.Random(f"{args.seed} {number}"))
        outcome, took = judge(run, kill, policy, clean[name])
        tally[outcome] += 1
        seconds.setdefault(policy, []).append(took)
        print(f"{number:03} {name}, {policy}: {kill.words}: {outcome}, {took:.1f} s")
        if outcome in (WRONG, HUNG, STOPPED):
            print("\n".join(screen[-800:] for screen in run.screens()))
        sys.stdout.flush()
    for outcome, count in tally.most_common():
        print(f"{count:4} {outcome}")
    for policy, took in seconds.items():
        middle, most = statistics.median(took), max(took)
        print(f"{policy}: from kill to end {middle:.1f} s (at most {most:.1f} s)")
    return not (tally[WRONG] or tally[HUNG])


def main(argv: Sequence[str] | None = None) -> int:
    """Kill as the flags say; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="configurations (default: all)")
    parser.add_argument("--kills", type=int, default=39)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machines", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    args = parser.parse_args(argv)
    args.names = args.names or NAMES
    for name in SLOW:
        importlib.import_module(name)
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="kills-"))
        folder = (args.keep or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        cable = stack.enter_context(Cable(args.machines)) if args.machines > 1 else None
        if cable:
            (folder / "ip.json").write_text(json.dumps(cable.addresses))
        return 0 if campaign(args, folder, cable) else 1


if __name__ == "__main__":
    sys.exit(main())
