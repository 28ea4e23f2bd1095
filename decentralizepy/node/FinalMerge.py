"""Sparse gossip, and one round near the end in which all nodes average with all."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.optim.swa_utils import update_bn

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Graph import Graph
from decentralizepy.graphs.TimeVarying import TimeVarying
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.Node import Section


class FinalMerge(DPSGDNode):
    """D-PSGD with a single merge of all models, after most of the rounds.

    After ``[NODE] merge_at`` of the rounds (default 0.99), there is one on the complete
    graph; all others are on the graph of the experiment. BatchNorm's statistics are then
    estimated anew on the node's own training data. Zhu et al., A Single Merging Suffices:
    Recovering Server-based Learning Performance in Decentralized Learning,
    arXiv:2507.06542, 2025.

    In the round of the merge, results have ``merge_gain``: the test accuracy after it minus
    that before, in percent. Since all models are the same after it, its mean over nodes is
    the merged accuracy minus the mean local accuracy.
    """

    meets_all = True
    merge_gain: float | None = None

    def init_parts(self, config: dict[str, Section]) -> None:
        done = config.get("NODE", {}).get("merge_at", 0.99)
        self.merge_round = min(int(done * self.iterations), self.iterations - 1)
        self.graph = OnceComplete(self.graph, self.merge_round)
        super().init_parts(config)

    def initial_peers(self) -> set[int]:
        return set(self.graph.get_all_nodes()) - {self.uid}

    def round(self) -> None:
        super().round()
        if self.iteration == self.merge_round:
            update_bn(self.inputs(), self.model)
            if self.merge_gain is not None:
                self.merge_gain += self.accuracy()

    def exchange(self) -> dict[int, Any]:
        measured = self.dataset.__testing__ and self.is_evaluator()
        if self.iteration == self.merge_round and measured:
            self.merge_gain = -self.accuracy()
        return super().exchange()

    def accuracy(self) -> float:
        return self.evaluate_due(False, True)["test_acc"]

    def inputs(self) -> Iterator[torch.Tensor]:
        """Yield the node's own inputs, in batches of more than one sample."""
        device = next(self.model.parameters()).device
        for data, _ in self.dataset.get_trainset(
            max(self.trainer.batch_size, 2), False
        ):
            if len(data) > 1:
                yield data.to(device)

    def state_of_network(self) -> dict[str, Any]:
        """Return the gain from the merge as well, in its round."""
        found = super().state_of_network()
        if self.iteration == self.merge_round and self.merge_gain is not None:
            found["merge_gain"] = self.merge_gain
        return found


class OnceComplete(TimeVarying):
    """A graph that is complete in one round.

    Parameters
    ----------
    usual : Graph
        The graph of all other rounds.
    number : int
        The round, from 0.
    """

    def __init__(self, usual: Graph, number: int) -> None:
        self.usual, self.number = usual, number
        self.complete = FullyConnected(usual.n_procs)
        super().__init__(usual.n_procs)

    def draw(self, iteration: int) -> Graph:
        return self.complete if iteration == self.number else self.usual.at(iteration)
