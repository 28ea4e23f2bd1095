"""Soak test: a long run with a fault every two seconds must end like an undisturbed one."""

import argparse
import configparser
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import torch

from decentralizepy.communication.TCP import TCP
from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.machine import cores
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.models.Model import Model

ROOT = Path(__file__).resolve().parent.parent
TRAIN_S = 0.1  # how long a node pretends to train in a round


class Linear(Model):
    """Two classes of points of 1,000 features: 2,002 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(1000, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(x)
        return logits


class Points(Dataset):
    """256 points whose first feature determines their class, dealt out in turn."""

    num_classes = 2

    def __init__(self, rank: int, machine_id: int, mapping: Mapping, **options: Any):
        super().__init__(rank, machine_id, mapping, **options)
        x = torch.randn(256, 1000, generator=torch.Generator().manual_seed(1))
        y = (x[:, 0] > 0).long()
        mine = slice(max(self.dataset_id, 0), None, self.num_partitions)
        self.trainset, self.testset = Data(x[mine], y[mine]), Data(x, y)
        self.__training__ = self.__testing__ = True

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Any:
        time.sleep(TRAIN_S)
        return super().get_trainset(batch_size, shuffle)


class Shaky(TCP):
    """TCP that duplicates and reorders messages, and drops its connections.

    ``shake`` is the probability of each per message; SIGUSR1 drops all connections and
    the messages in transit.
    """

    def __init__(self, *place: Any, shake: float = 0.0, **options: Any) -> None:
        super().__init__(*place, **options)
        self.shake, self.chance = shake, random.Random(self.uid)
        self.delayed: list[tuple[int, list[Any]]] = []
        self.dropping = False
        signal.signal(signal.SIGUSR1, self._drop_soon)

    def _drop_soon(self, number: int, frame: object) -> None:
        self.dropping = True

    def _transmit(self, uid: int, frames: list[Any]) -> None:
        if self.chance.random() < self.shake:
            self.delayed.append((uid, frames))  # until the next one is sent
            return
        super()._transmit(uid, frames)
        if self.chance.random() < self.shake:
            super()._transmit(uid, frames)

    def _tick(self) -> None:
        super()._tick()
        delayed, self.delayed = self.delayed, []
        for uid, frames in delayed:
            super()._transmit(uid, frames)
        if self.dropping:
            self.dropping = False
            for uid, dealer in self.peer_sockets.items():
                address = self.address(*self.mapping.get_machine_and_rank(uid))
                dealer.disconnect(address)
                dealer.connect(address)


def write_ini(folder: Path, rounds: int, nodes: int, shake: float) -> Path:
    """Write the INI file; the runs differ only in ``shake``."""
    (folder / "ip.json").write_text('{"0": "127.0.0.1"}')
    config = configparser.ConfigParser()
    config.read_dict(
        {
            "DATASET": {
                "dataset_package": "benchmarks.soak",
                "dataset_class": "Points",
                "model_class": "Linear",
            },
            "OPTIMIZER_PARAMS": {
                "optimizer_package": "torch.optim",
                "optimizer_class": "Adam",
                "lr": "0.001",
            },
            "TRAIN_PARAMS": {
                "training_package": "decentralizepy.training.Training",
                "training_class": "Training",
                "rounds": "3",
                "batch_size": "4",
                "shuffle": "True",
                "loss_package": "torch.nn",
                "loss_class": "CrossEntropyLoss",
            },
            "COMMUNICATION": {
                "comm_package": "benchmarks.soak",
                "comm_class": "Shaky",
                "addresses_filepath": str(folder / "ip.json"),
                "offset": "23000",
                "shake": str(shake),
            },
            "SHARING": {
                "sharing_package": "decentralizepy.sharing.Sharing",
                "sharing_class": "Sharing",
            },
            "GRAPH": {
                "graph_package": "decentralizepy.graphs.Regular",
                "graph_class": "Regular",
                "degree": "4",
                "seed": "1",
            },
            "FAULTS": {"on_peer_loss": "restart", "warn_after": "60"},
            "RUN": {
                "procs_per_machine": str(nodes),
                "iterations": str(rounds),
                "test_after": str(rounds),
                "train_evaluate_after": "1",
                "reset_optimizer": "0",
                "checkpoint_every": "5",
                "max_restarts": "100000",
            },
        }
    )
    path = folder / "soak.ini"
    with path.open("w") as file:
        config.write(file)
    return path


class Launch:
    """A run in a separate process, and its nodes."""

    def __init__(self, folder: Path, rounds: int, nodes: int, shake: float) -> None:
        folder.mkdir()
        self.folder = folder
        ini = write_ini(folder, rounds, nodes, shake)
        places = ["-ld", str(folder / "log"), "-wsd", str(folder / "weights")]
        self.samples: list[tuple[int, int]] = []  # round, bytes
        self.errors = (folder / "stderr").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "decentralizepy", "run", str(ini), *places],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
        )

    @property
    def nodes(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.process.pid).children()
        return []

    def round(self) -> int:
        """Return how many rounds node 0 has finished."""
        path = self.folder / "log" / "0_results.jsonl"
        return len(path.read_bytes().splitlines()) if path.exists() else 0

    def weights(self) -> dict[str, torch.Tensor]:
        found = sorted((self.folder / "weights").glob("*.pt"))
        states = {path.name: torch.load(path, weights_only=True) for path in found}
        return {
            f"{n} {k}": tensor
            for n, state in states.items()
            for k, tensor in state.items()
        }


def pause(node: psutil.Process, chance: random.Random) -> None:
    node.suspend()
    time.sleep(chance.uniform(0.5, 1.5))
    node.resume()


def drop(node: psutil.Process, chance: random.Random) -> None:
    node.send_signal(signal.SIGUSR1)


def kill(node: psutil.Process, chance: random.Random) -> None:
    node.kill()


Fault = Callable[[psutil.Process, random.Random], None]


def disturb(
    launch: Launch, faults: list[Fault], seed: int
) -> tuple[Counter[str], float]:
    """Inject a fault every two seconds until the run ends; return their count and the time."""
    chance, done, start = random.Random(seed), Counter[str](), time.monotonic()
    while launch.process.poll() is None:
        time.sleep(2)
        nodes = launch.nodes
        if not nodes or launch.round() < 3:
            continue
        launch.samples.append((launch.round(), memory(nodes)))
        if faults:
            fault = chance.choice(faults)
            with contextlib.suppress(psutil.Error):
                fault(chance.choice(nodes), chance)
                done[fault.__name__] += 1
    return done, time.monotonic() - start


def memory(nodes: list[psutil.Process]) -> int:
    """Return the private memory, in bytes, of all nodes."""
    total = 0
    for node in nodes:
        with contextlib.suppress(psutil.Error):
            total += node.memory_full_info().uss
    return total


def slope(samples: list[tuple[int, int]], nodes: int) -> float:
    """Return the growth of a node in MiB per 100 rounds, without the first fifth."""
    import numpy as np

    late = [each for each in samples if each[0] > samples[-1][0] / 5]
    if len(late) < 2:
        return float("nan")
    rounds, used = zip(*late, strict=True)
    return float(np.polyfit(rounds, used, 1)[0]) * 100 / nodes / 2**20


def runs(args: argparse.Namespace) -> Iterator[tuple[str, float, list[Fault]]]:
    """Yield each run's name, its probability of duplicates, and its faults."""
    yield "clean", 0.0, []
    yield "pauses, resets, duplicates", 0.05, [pause, drop]
    yield "the same and kills", 0.05, [pause, drop, kill]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1, help="seed of the faults")
    args = parser.parse_args()
    print(
        f"{args.nodes} nodes, {args.rounds} rounds, seed {args.seed}, {cores()} cores"
    )
    wrong, expected = 0, None
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, shake, faults) in enumerate(runs(args)):
            launch = Launch(Path(scratch, str(number)), args.rounds, args.nodes, shake)
            done, seconds = disturb(launch, faults, args.seed)
            final = launch.weights()
            expected = expected or final
            same = final.keys() == expected.keys() and all(
                torch.equal(final[key], expected[key]) for key in expected
            )
            growth = slope(launch.samples, args.nodes)
            told = ", ".join(f"{count} x {fault}" for fault, count in done.items())
            print(
                f"{name}: status {launch.process.returncode}, {seconds:.0f} s, "
                f"faults: {told or 'none'}; weights "
                f"{'identical' if same and final else 'DIFFERENT'}; "
                f"memory {growth:+.2f} MiB per node and 100 rounds",
                flush=True,
            )
            if not (same and final and launch.process.returncode == 0):
                print((launch.folder / "stderr").read_text()[-2000:])
                wrong += 1
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
