"""Plug-ins that draw numbers, fail, stop in a debugger, or send nothing."""

import logging
import time

import numpy as np
import torch

from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.training.Training import Training
from tests.support.toy import Linear, Points

__all__ = ["Linear", "Points"]


class Dropping(Linear):
    """The toy's model, with dropout."""

    def forward(self, x):
        return self.fc(torch.nn.functional.dropout(x, 0.5, self.training))


class Drawing(Training):
    """Draws from NumPy's global generator in each round, and logs."""

    rounds_done = 0

    def train(self, dataset):
        self.rounds_done += 1
        logging.info("drawing in round %d as uid %d", self.rounds_done, dataset.uid)
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 + 0.1 * np.random.rand()
        super().train(dataset)


class Threaded(Training):
    """Logs how many threads the node may use."""

    def train(self, dataset):
        logging.info("threads: %d", torch.get_num_threads())
        super().train(dataset)


class Broken(Training):
    """Divides by zero on node 1."""

    def train(self, dataset):
        wrong = 21
        if self.rank == 1:
            wrong / 0
        super().train(dataset)


class Pausing(Training):
    """Has a breakpoint on node 1."""

    def train(self, dataset):
        if self.rank == 1:
            value = 1
            breakpoint()
            value += 1
        super().train(dataset)


class Silent(DPSGDNode):
    """Sends nothing, on node 1."""

    def share(self, receivers):
        super().share(() if self.uid == 1 else receivers)


class OneWay(DPSGDNode):
    """Sends to the next node and, as it does not say otherwise, waits for it."""

    def get_neighbors(self, node=None):
        return {(self.uid + 1) % self.mapping.get_n_procs()}


class Lingering(DPSGDNode):
    """Takes long to end, on node 0."""

    def gather(self, senders):
        ended = False
        try:
            found = super().gather(senders)
            ended = True
            return found
        finally:
            if self.uid == 0 and not ended:
                time.sleep(1)
