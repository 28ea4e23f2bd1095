"""What all frameworks do here: Digits' MLP, one step with a batch of 8 per round."""

import json
import resource
import time

import torch
from sklearn.datasets import load_digits
from torch import nn

BATCH, RATE, DEGREE, STEPS = 8, 0.1, 6, 2_000


def model() -> nn.Sequential:
    """Return the MLP of ``decentralizepy.datasets.Digits``: 4,810 parameters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def data() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images of Digits as (n, 1, 8, 8) in [0, 1], and their labels."""
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    return images, torch.tensor(digits.target)


def part(uid: int, nodes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the samples of one node; one has several batches, however many there are."""
    x, y = data()
    size = max(2 * BATCH, len(x) // nodes)
    mine = torch.arange(uid * size, (uid + 1) * size) % len(x)
    return x[mine], y[mine]


def step() -> float:
    """Return the CPU seconds of one step of plain training."""
    net, loss = model(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    x, y = (each[:BATCH] for each in data())
    start = time.process_time()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(net(x), y).backward()
        optimizer.step()
    return (time.process_time() - start) / STEPS


def report(seconds: float) -> None:
    """Print the CPU seconds per node and round, and those of a step, as JSON."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "step": step(), "MiB": peak}))
