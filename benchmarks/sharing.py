"""Print the time and bytes of every sharing algorithm, relative to full sharing.

Usage: python benchmarks/sharing.py [--rounds N]

A round is 3 steps of LeNet on batches of 8 images and an average with 4 peers, in one
thread; only creating the message and averaging count as time of the algorithm.
"""

import argparse
import statistics
import time
from collections import deque

import torch

from decentralizepy import factory
from decentralizepy.communication._wire import Encoded, decode, encode
from decentralizepy.datasets.CIFAR10 import LeNet
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.mappings.Linear import Linear
from decentralizepy.message import payload_bytes
from decentralizepy.node.process import keep_freed_memory

NODES = 5  # each has 4 peers
PARTIAL = {"accumulation": True, "accumulate_averaging_changes": True}
JWINS = {"wavelet": "sym2", "metadata_cap": 0.5, **PARTIAL}
LISTED = {**JWINS, "alpha_list": "[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 1.0]"}


def codec(name):
    package = f"decentralizepy.compression.{name}"
    named = {"compression_package": package, "compression_class": name}
    return {"compress": True, **named}


CASES = {
    "Sharing": ("Sharing", {}),
    "Sharing, EliasFpzip": ("Sharing", codec("EliasFpzip")),
    "PlainAverageSharing": ("PlainAverageSharing", {}),
    "PartialModel 0.3": ("PartialModel", {"alpha": 0.3, **PARTIAL}),
    "SubSampling 0.3": ("SubSampling", {"alpha": 0.3}),
    "RandomK 0.3": ("RandomK", {"alpha": 0.3}),
    "JWINS": ("JWINS.JWINS", LISTED),
    "JWINS, Elias": ("JWINS.JWINS", {**LISTED, **codec("Elias")}),
    "JWINS, Zstd": ("JWINS.JWINS", {**LISTED, **codec("Zstd")}),
    "JWINS, EliasFpzip": ("JWINS.JWINS", {**LISTED, **codec("EliasFpzip")}),
    "Wavelet 0.3": ("JWINS.Wavelet", {**JWINS, "alpha": 0.3}),
    "FFT 0.3": ("JWINS.FFT", {"alpha": 0.3, **PARTIAL}),
    "Choco 0.2": ("Choco", {"step_size": 0.5, "alpha": 0.2}),
    "QSGD": ("QSGD", {}),
    "SignError": ("SignError", {}),
    "PowerGossip": ("PowerGossip", {}),
}


class Node:
    """A node without processes or sockets that trains, sends and averages."""

    def __init__(self, uid, sharing_class, options):
        torch.manual_seed(0)
        self.model = LeNet()
        parts = (uid, 0, None, Linear(1, NODES), FullyConnected(NODES), self.model)
        self.sharing = sharing_class(*parts, None, ".", **options)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01)

    def train(self, batches):
        loss = torch.nn.CrossEntropyLoss()
        for images, labels in batches:
            self.optimizer.zero_grad()
            loss(self.model(images), labels).backward()
            self.optimizer.step()


def batches():
    layout = torch.channels_last
    return [
        (torch.randn(8, 3, 32, 32).to(memory_format=layout), torch.randint(0, 10, (8,)))
        for _ in range(3)
    ]


def measure(module, options, rounds):
    """Return the medians of (training s, sharing s, bytes sent) of a node's round."""
    sharing_class = factory.load(
        f"decentralizepy.sharing.{module}", module.split(".")[-1]
    )
    nodes = [Node(uid, sharing_class, options) for uid in range(NODES)]
    figures = []
    for _ in range(rounds):
        start = time.perf_counter()
        for node in nodes:
            node.train(batches())
        trained = time.perf_counter()
        sent = [node.sharing.get_data_to_send() for node in nodes]
        frames = [encode({**message, "CHANNEL": "DPSGD"}) for message in sent]
        for uid, node in enumerate(nodes):
            others = [other for other in range(NODES) if other != uid]
            node.sharing._averaging({o: deque([decode(frames[o])]) for o in others})
        shared = time.perf_counter()
        size = statistics.mean(Encoded(f, payload_bytes(None)).size for f in frames)
        figures.append(((trained - start) / NODES, (shared - trained) / NODES, size))
    training, sharing, _ = (
        statistics.median(column) for column in zip(*figures, strict=True)
    )
    return training, sharing, statistics.mean(size for _, _, size in figures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=14)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    keep_freed_memory()
    base = measure("Sharing", {}, rounds)
    print(
        f"training: {1000 * base[0]:.1f} ms a round; full sharing: {1000 * base[1]:.2f} ms"
    )
    print(f"{'algorithm':22}{'sharing ms':>12}{'round / full':>14}{'bytes / full':>14}")
    for name, (module, options) in CASES.items():
        training, sharing, size = measure(module, options, rounds)
        ratio = (training + sharing) / (training + base[1])
        print(f"{name:22}{1000 * sharing:>12.2f}{ratio:>14.2f}{size / base[2]:>14.3f}")


if __name__ == "__main__":
    main()
