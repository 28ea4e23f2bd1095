"""Print the cost of the tutorial's work, relative to a compute limit from the same run.

Usage: python benchmarks/tutorial.py [--rounds N] [--no-evaluation] [--comm TCP|IPC]

The work: 16 nodes, a regular graph of degree 5, LeNet on CIFAR-10's stand-in, 20 rounds
of 3 steps with 8 images; at rounds 10 and 20, training loss on the node's 3,125 images
and a test on all 10,000. The limit: the same steps and evaluations in bare torch loops,
data in memory, one process per core, no communication.
"""

import argparse
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
NODES, DEGREE, STEPS, BATCH, SAMPLES = 16, 5, 3, 8, 50_000

CONFIG = """\
[DATASET]
dataset_package = decentralizepy.datasets.CIFAR10
dataset_class = CIFAR10
model_class = LeNet
train_dir = {data}
test_dir = {data}
random_seed = 90
partition_niid = iid
[OPTIMIZER_PARAMS]
optimizer_package = torch.optim
optimizer_class = SGD
lr = 0.01
[TRAIN_PARAMS]
training_package = decentralizepy.training.Training
training_class = Training
rounds = 3
batch_size = 8
shuffle = True
loss_package = torch.nn
loss_class = CrossEntropyLoss
[COMMUNICATION]
comm_package = decentralizepy.communication.{comm}
comm_class = {comm}
addresses_filepath = {folder}/ip.json
[SHARING]
sharing_package = decentralizepy.sharing.Sharing
sharing_class = Sharing
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--no-evaluation", action="store_true")
    parser.add_argument("--comm", choices=["TCP", "IPC"], default="TCP")
    parser.add_argument("--data", default=str(ROOT / "eval" / "data" / "stand-in"))
    args = parser.parse_args()
    if not Path(args.data, "cifar-10-batches-py").exists():
        from decentralizepy.datasets.stand_in import cifar10

        cifar10.write(Path(args.data))
    evaluations = 0 if args.no_evaluation else args.rounds // 10
    limit = compute_limit(args.data, args.rounds, evaluations)
    print(f"compute limit    {limit:8.1f} s wall", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        seconds, cpu, first, peak = network(args, folder, 10 if evaluations else 10**6)
    print(
        f"this run         {seconds:8.1f} s wall, {cpu:.1f} s cpu, {peak:.0f} MiB peak PSS"
    )
    print(f"first round      {first:8.1f} s after the start")
    print(f"wall / limit     {seconds / limit:8.2f}")


def network(args, folder, every):
    """Run the nodes; return wall and CPU seconds, start of the first round, peak MiB."""
    Path(folder, "ip.json").write_text('{"0": "localhost"}')
    config = Path(folder, "config.ini")
    config.write_text(CONFIG.format(data=args.data, comm=args.comm, folder=folder))
    graph = Path(folder, "graph.edges")
    flags = f"-g Regular -n {NODES} -d {DEGREE} -s 1 -f {graph}"
    subprocess.run(
        [sys.executable, ROOT / "generate_graph.py", *flags.split()],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    flags = f"-ps {NODES} -is {args.rounds} -gf {graph} -cf {config} -ta {every} -tea {every}"
    flags += f" -ld {folder}/logs -wsd {folder}/weights -ro 0"
    before, start = cpu_seconds(), time.monotonic()
    with open(os.path.join(folder, "out"), "w") as out:
        run = subprocess.Popen(
            [sys.executable, ROOT / "eval/testing.py", *flags.split()], stdout=out
        )
    watcher = Watcher(run.pid, Path(folder, "logs"))
    if run.wait():
        sys.exit("the run failed")
    seconds = time.monotonic() - start
    watcher.stop()
    return seconds, cpu_seconds() - before, watcher.first - start, watcher.peak / 2**20


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Watcher(threading.Thread):
    """Record when the last node began its first round, and the peak memory."""

    def __init__(self, pid, logs):
        super().__init__(daemon=True)
        self.process, self.logs = psutil.Process(pid), logs
        self.first, self.peak, self.running = 0.0, 0, True
        self.start()

    def run(self):
        while self.running:
            if not self.first and len(list(self.logs.glob("*.jsonl"))) == NODES:
                self.first = time.monotonic()
            if self.first:
                self.peak = max(self.peak, self.memory())
            time.sleep(1 if self.first else 0.02)

    def memory(self):
        total = 0
        for process in [self.process, *self.process.children(recursive=True)]:
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                continue
        return total

    def stop(self):
        self.running = False
        self.join()


def compute_limit(data, rounds, evaluations):
    """Return the seconds for the bare loops of all nodes, one process per core."""
    cores = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(cores + 1)
    share = [NODES // cores + (core < NODES % cores) for core in range(cores)]
    workers = [
        context.Process(
            target=bare_loops, args=(data, nodes, rounds, evaluations, barrier)
        )
        for nodes in share
    ]
    for worker in workers:
        worker.start()
    barrier.wait()
    start = time.monotonic()
    for worker in workers:
        worker.join()
        if worker.exitcode:
            sys.exit("a bare loop failed")
    return time.monotonic() - start


def bare_loops(data, nodes, rounds, evaluations, barrier):
    import torch

    from decentralizepy.datasets.CIFAR10 import CIFAR10, LeNet
    from decentralizepy.node.process import keep_freed_memory

    torch.set_num_threads(1)
    keep_freed_memory()
    images, labels = (torch.from_numpy(array) for array in CIFAR10.read(data, True))
    tests, targets = (torch.from_numpy(array) for array in CIFAR10.read(data, False))
    model = LeNet().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    loss = torch.nn.CrossEntropyLoss()

    def batch(pixels):
        return pixels.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)

    def step(start):
        optimizer.zero_grad()
        value = loss(
            model(batch(images[start : start + BATCH])), labels[start : start + BATCH]
        )
        value.backward()
        optimizer.step()

    def evaluate(pixels, truth):
        for start in range(0, len(pixels), 16):
            output = model(batch(pixels[start : start + 16]))
            loss(output, truth[start : start + 16])
            (output.argmax(1) == truth[start : start + 16]).sum()

    step(0)
    barrier.wait()
    for _ in range(nodes):
        for number in range(rounds * STEPS):
            step(number * BATCH)
        model.eval()
        with torch.inference_mode():
            for _ in range(evaluations):
                evaluate(images[: SAMPLES // NODES], labels[: SAMPLES // NODES])
                evaluate(tests, targets)
        model.train()


if __name__ == "__main__":
    main()
