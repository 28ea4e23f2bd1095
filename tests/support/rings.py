"""Nodes on a small graph that exchange messages as they arrive over the wire."""

from collections import deque

import numpy as np
import torch

from decentralizepy.communication import _wire
from decentralizepy.communication._frames import Encoded
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Linear import Linear


class Vector(torch.nn.Module):
    """A model of a few numbers in one tensor."""

    def __init__(self, values):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor([float(value) for value in values]))


class Counting(torch.nn.Module):
    """A matrix, a bias, and BatchNorm's counter."""

    def __init__(self, seed, count=0, shape=(6, 5)):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.w = torch.nn.Parameter(torch.randn(shape, generator=generator))
        self.b = torch.nn.Parameter(torch.randn(shape[0], generator=generator))
        self.register_buffer("count", torch.tensor(count))


class Masked(torch.nn.Module):
    """Weights, half of them complex, a causal mask, and a counter beyond 2^24."""

    def __init__(self, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.w = torch.nn.Parameter(torch.randn(6, 5, generator=generator))
        real, imaginary = torch.randn(2, 4, generator=generator)
        self.c = torch.nn.Parameter(torch.complex(real, imaginary))
        mask = torch.full((3, 3), -torch.inf).triu(1)
        self.register_buffer("mask", mask)
        self.register_buffer("steps", torch.tensor([2**24 + 1, 2**53 + 1]))


def make_graph(n):
    graph = Graph(n)
    graph.connect_graph()
    return graph


def make(sharing, models, graph=None, **options):
    """Return a node for each of ``models``, in a ring unless ``graph`` is given."""
    mapping = Linear(1, len(models))
    graph = make_graph(len(models)) if graph is None else graph
    return [
        sharing(uid, 0, None, mapping, graph, model, None, ".", **options)
        for uid, model in enumerate(models)
    ]


def deliver(message):
    """Return the message as its receiver gets it."""
    frames = _wire.encode({**message, "CHANNEL": "DPSGD"})
    return _wire.decode([bytes(frame) for frame in frames])


def bytes_of(message):
    """Return how many bytes the message is on the wire."""
    return Encoded(_wire.encode(message)).size


def run(nodes, rounds=1):
    for _ in range(rounds):
        sent = {node.uid: deliver(node.get_data_to_send()) for node in nodes}
        for node in nodes:
            peers = node.graph.neighbors(node.uid)
            node._averaging({uid: deque([sent[uid]]) for uid in peers})


class End:
    """The communication of a node whose messages arrive in the boxes of their receivers."""

    def __init__(self, sender, boxes):
        self.sender, self.boxes = sender, boxes

    def send(self, uid, message):
        self.boxes[uid][self.sender] = deque([deliver(message)])

    def broadcast(self, uids, message):
        for uid in uids:
            self.send(uid, message)


def exchange(nodes, lost=()):
    """Run a round in which nodes send by their own ``send``; return what each received.

    Messages on the links ``lost``, pairs of sender and receiver, do not arrive.
    """
    boxes = {node.uid: {} for node in nodes}
    for node in nodes:
        node.communication = End(node.uid, boxes)
        receivers = sorted(node.graph.neighbors(node.uid))
        node.send(receivers, node.get_data_to_send(len(receivers)))
    for sender, receiver in lost:
        boxes[receiver].pop(sender, None)
    received = {
        uid: {sender: queue[0] for sender, queue in box.items()}
        for uid, box in boxes.items()
    }
    for node in nodes:
        node._averaging(boxes[node.uid])
    return received


def trained(nodes, changes):
    """Subtract from the weights of each Vector its change."""
    for node, change in zip(nodes, changes, strict=True):
        with torch.no_grad():
            node.model.w -= torch.tensor(change, dtype=torch.float32)


def vectors(nodes):
    """Return the models, an array of shape (nodes, N)."""
    return np.array([node.flat.vector().tolist() for node in nodes])


def spread_of(nodes):
    """Return by how much the models differ in the number in which they do most."""
    return np.ptp(vectors(nodes), axis=0).max()
