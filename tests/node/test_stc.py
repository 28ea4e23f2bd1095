"""Breaks when a client's model leaves the server's, or a fraction of clients deadlocks."""

import json
import logging

import pytest
import torch

from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer

STC = {"sharing_package": "decentralizepy.sharing.STC", "sharing_class": "STC"}


class Watching(STCClient):
    """Remembers the model that it trains from in its last round."""

    def load(self, request):
        super().load(request)
        self.start, self.made = self.sharing.flat.vector().clone(), request["iteration"]


class Remembering(STCServer):
    """Remembers its model before each round."""

    def ask(self, workers):
        self.models = [*getattr(self, "models", []), self.sharing.flat.vector().clone()]
        super().ask(workers)


def serve(run_nodes, fraction, rounds=12, alpha=0.3, **sections):
    return run_nodes(
        FullyConnected(6),
        Watching,
        rounds,
        Remembering,
        (run_nodes.folder, logging.INFO, rounds, 1, fraction),
        SHARING={**STC, "alpha": alpha},
        **sections,
    )


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.2])
def test_workers_start_from_the_servers_model_to_the_bit(run_nodes, fraction):
    nodes = serve(run_nodes, fraction)
    server = nodes[-1]
    started = [node for uid, node in nodes.items() if hasattr(node, "start")]
    assert len(started) >= 2
    for node in started:
        assert torch.equal(node.start, server.models[node.made])


def test_a_network_learns(run_nodes):
    serve(run_nodes, 1.0, rounds=30)
    results = json.loads((run_nodes.folder / "-1_results.json").read_text())
    assert results["test_acc"]["30"] > 80


def test_without_training_nothing_moves(run_nodes):
    server = serve(run_nodes, 1.0, OPTIMIZER_PARAMS={"lr": 0.0})[-1]
    assert torch.equal(server.models[0], server.models[-1])
