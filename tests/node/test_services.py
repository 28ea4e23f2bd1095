"""Breaks when a protocol with a service hangs, or sends other messages than it should."""

import json
import logging
import math

import pytest
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.graphs.DynamicRegular import DynamicRegular
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.EpidemicLearning.EL_Oracle_Client import EL_Oracle_Client
from decentralizepy.node.EpidemicLearning.EL_Oracle_TopologyBuilder import (
    EL_Oracle_TopologyBuilder,
)
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.PeerSampler import PeerSampler
from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic

MODEL_BYTES = 10 * 4
DEGREE = {"NODE": {"graph_degree": 4}}


def vectors(nodes):
    return {uid: node.sharing.flat.vector() for uid, node in nodes.items() if uid >= 0}


def same(left, right):
    left, right = vectors(left), vectors(right)
    return all(torch.equal(left[uid], right[uid]) for uid in left)


class Punctual(DPSGDWithPeerSampler):
    """Can send to its sampler as soon as it has passed the start barrier."""

    def build_and_greet(self, config):
        super().build_and_greet(config)
        assert self.communication.already_connected(self.service_uid)
        assert self.service_uid in self.barrier


def test_the_start_barrier_includes_the_sampler(run_nodes):
    """Nodes on several machines that resume send it their rounds right after that."""
    run_nodes(Ring(3), Punctual, service_class=PeerSampler)


def test_a_static_sampler_gives_the_same_bits_as_the_graph(run_nodes):
    sampled = run_nodes(Ring(5), DPSGDWithPeerSampler, service_class=PeerSampler)
    assert same(sampled, run_nodes(Ring(5)))


def test_the_oracle_equals_dpsgd_on_its_graphs(run_nodes):
    pair = (EL_Oracle_Client, 6, EL_Oracle_TopologyBuilder)
    oracle = run_nodes(Ring(8), *pair, **DEGREE)
    assert same(oracle, run_nodes(DynamicRegular(8, 4, seed=3), rounds=6))
    assert oracle[3].communication.total_data == 6 * 4 * MODEL_BYTES


@pytest.mark.parametrize("degree", [None, 8, "4", 2.5])
def test_a_degree_that_cannot_be_is_found_before_the_start(degree):
    config = {"NODE": {} if degree is None else {"graph_degree": degree}}
    with pytest.raises(ConfigError):
        PeerSamplerDynamic.prepare(config, Ring(8))


def serve(run_nodes, fraction, rounds=4, **sections):
    options = (run_nodes.folder, logging.INFO, 2, 1, fraction)
    return run_nodes(
        FullyConnected(8),
        DPSGDNodeFederated,
        rounds,
        FederatedParameterServer,
        options,
        **sections,
    )


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.3])
def test_a_federated_round_sends_each_worker_a_model_and_one_back(run_nodes, fraction):
    nodes = serve(run_nodes, fraction)
    workers = math.ceil(8 * fraction)
    assert nodes[-1].communication.total_data == 4 * workers * MODEL_BYTES
    up = sum(nodes[uid].communication.total_data for uid in range(8))
    assert up == 4 * workers * MODEL_BYTES


def test_the_server_alone_is_tested(run_nodes):
    serve(run_nodes, 0.5)
    server, *clients = (
        json.loads((run_nodes.folder / f"{rank}_results.json").read_text())
        for rank in range(-1, 8)
    )
    assert list(server["test_acc"]) == ["2", "4"]
    assert server["train_loss"] == {}
    assert all(client["test_acc"] == {} for client in clients)
    assert sum(len(client["total_bytes"]) for client in clients) == 4 * 4


def test_full_participation_is_centralised_averaging(run_nodes):
    """One step on each of 8 equal parts is one step on all of the data."""
    whole = {"rounds": 1, "batch_size": 8, "shuffle": False}
    nodes = serve(run_nodes, 1.0, rounds=5, TRAIN_PARAMS=whole)
    central = run_nodes(Ring(1), rounds=5, TRAIN_PARAMS={**whole, "batch_size": 64})
    difference = nodes[-1].sharing.flat.vector() - central[0].sharing.flat.vector()
    assert difference.abs().max() < 1e-6


class Watching(FederatedParameterServer):
    """A server that keeps which draws its workers' messages are of, by round."""

    def gather(self, senders):
        updates = super().gather(senders)
        self.seen = getattr(self, "seen", [])
        self.seen.append([queue[0]["round"] for queue in updates.values()])
        return updates


def test_clients_that_sat_out_rounds_draw_what_the_others_do(run_nodes):
    """Each counted its own rounds, so that the entries of a round were not the same."""
    random_k = {
        "sharing_package": "decentralizepy.sharing.RandomK",
        "sharing_class": "RandomK",
        "alpha": 0.5,
    }
    options = (run_nodes.folder, logging.INFO, 2, 1, 0.5)
    nodes = run_nodes(
        FullyConnected(8), DPSGDNodeFederated, 6, Watching, options, SHARING=random_k
    )
    assert nodes[-1].seen == [[number] * 4 for number in range(1, 7)]


@pytest.mark.parametrize(("weights", "equal"), [("samples", True), ("equal", False)])
def test_weights_by_samples_make_uneven_clients_one_data_set(run_nodes, weights, equal):
    """A step on all of each client's samples is a step on all samples of all."""
    sections = {
        "DATASET": {"dataset_class": "Uneven"},
        "TRAIN_PARAMS": {"rounds": 1, "batch_size": 36, "shuffle": False},
    }
    nodes = serve(run_nodes, 1.0, **sections, NODE={"client_weights": weights})
    central = run_nodes(Ring(1), rounds=4, **sections)
    difference = nodes[-1].sharing.flat.vector() - central[0].sharing.flat.vector()
    assert (difference.abs().max() < 1e-6) == equal


def test_plain_average_works_on_a_server(run_nodes):
    plain = {
        "sharing_package": "decentralizepy.sharing.PlainAverageSharing",
        "sharing_class": "PlainAverageSharing",
    }
    assert same(serve(run_nodes, 1.0, SHARING=plain), serve(run_nodes, 1.0))
