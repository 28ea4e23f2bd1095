"""What every sharing promises, tried on all of them; a new class is a line of the table."""

import copy
import importlib
import inspect
import pkgutil
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import decentralizepy.sharing
from decentralizepy import factory
from decentralizepy.communication.InProcess import InProcess, make_exchange
from decentralizepy.config import checks
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Linear import Linear
from decentralizepy.message import payload_bytes
from decentralizepy.sharing.Sharing import Sharing
from tests.support.rings import Counting, Masked, bytes_of, run, spread_of, vectors
from tests.support.toy import CONFIG

SOME = {"alpha": 0.4}
ALL_CHANGES = {"accumulation": True, "accumulate_averaging_changes": True}
LISTED = {**ALL_CHANGES, "alpha_list": "[0.2, 0.4, 1.0]"}
WHOLE: dict[str, Any] = {}


class Promise(NamedTuple):
    """What a sharing promises.

    Attributes
    ----------
    part
        Options by which it sends less than the model; the other fields are about these.
    whole
        Options by which a round is one of full sharing; None if there are none.
    mean
        Whether the mean over nodes is kept on every graph.
    agree
        Whether nodes that started equal agree once they no longer train.
    codec
        Whether it takes a compressor.
    fixed
        Whether equal models stay as they are, to the bit.
    """

    part: dict[str, Any]
    whole: dict[str, Any] | None = WHOLE
    mean: bool = True
    agree: bool = True
    codec: bool = True
    fixed: bool = True


# The mean moves where nodes of different degrees weigh each other differently, and where
# one of two nodes sends an entry that the other does not. Without accumulation of what
# averaging changed, too, an entry that training no longer moves may never be sent again.
PROMISES = {
    "Sharing": Promise({}),
    "PlainAverageSharing": Promise({}, whole=None, mean=False),
    "PartialModel": Promise({**SOME, **ALL_CHANGES}, mean=False),
    "PartialModel without accumulation": Promise(SOME, mean=False, agree=False),
    "SubSampling": Promise(SOME, mean=False),
    "RandomK": Promise(SOME),
    "JWINS.Wavelet": Promise({**SOME, **ALL_CHANGES}, mean=False),
    "JWINS.FFT": Promise({**SOME, **ALL_CHANGES}, mean=False),
    "JWINS.JWINS": Promise(LISTED, {"alpha_list": "[1.0]"}, mean=False),
    "Choco": Promise({**SOME, "step_size": 0.3}, {"alpha": 1.0, "step_size": 1.0}),
    "QSGD": Promise({}, whole=None, codec=False, fixed=False),
    "SignError": Promise({}, whole=None, codec=False),
    "PowerGossip": Promise({}, whole=None),
    "PushSum": Promise({}, whole=None, fixed=False),
}
ELSEWHERE = {
    "STC": "needs a server: test_stc.py",
    "CoordinateMedian": "test_robust has its own laws",
    "TrimmedMean": "test_robust has its own laws",
    "MeanAroundMedian": "test_robust has its own laws",
    "Krum": "test_robust has its own laws",
    "MultiKrum": "test_robust has its own laws",
    "GeometricMedian": "test_robust has its own laws",
    "ClippedGossip": "test_robust has its own laws",
    "NearestNeighborAverage": "test_robust has its own laws",
    "OutlierScissors": "test_robust has its own laws",
    "UBAR": "test_robust has its own laws",
    "CSPlus": "test_robust has its own laws",
    "GTS": "test_robust has its own laws",
    "D2": "test_corrected has its own laws",
    "ExactDiffusion": "test_corrected has its own laws",
    "EXTRA": "test_corrected has its own laws",
    "GradientTracking": "test_corrected has its own laws",
    "QuasiGlobal": "test_corrected has its own laws",
    "NIDS": "test_corrected has its own laws",
    "ProxSkip": "test_prox_skip has its own laws",
    "LED": "test_stepwise has its own laws",
    "KGT": "test_stepwise has its own laws",
    "LocalMomentum": "test_corrected has its own laws",
    "AveragedMomentum": "test_corrected has its own laws",
    "RelaySum": "test_corrected has its own laws",
    "Muffliato": "test_muffliato has its own laws",
    "SecureAggregation": "test_secure_aggregation has its own laws",
    "Shatter": "test_shatter has its own laws",
    "ZipDL": "test_zip_dl has its own laws",
}

CODECS = ("Elias", "EliasFpzip", "EliasFpzipLossy", "EliasQuantization")
CODECS += ("Quantization", "Lz4Wrapper", "Zstd")
LOSSY = ("EliasFpzipLossy", "EliasQuantization", "Quantization")

every = pytest.mark.parametrize("name", PROMISES)


def that(promise):
    """Parametrise over the classes that make a promise."""
    return pytest.mark.parametrize(
        "name", [name for name in PROMISES if getattr(PROMISES[name], promise)]
    )


def section(name, options):
    """Return what an INI file has for the sharing."""
    path = name.split()[0]
    return {
        "sharing_package": f"decentralizepy.sharing.{path}",
        "sharing_class": path.split(".")[-1],
        **options,
    }


def codec(name):
    return {
        "compress": True,
        "compression_package": f"decentralizepy.compression.{name}",
        "compression_class": name,
    }


def make(name, options, models=None, edges=None):
    """Return five nodes, on a ring if no edges are given."""
    graph = Graph(5)
    for u, v in edges or [(uid, (uid + 1) % 5) for uid in range(5)]:
        graph.adj_list[u].add(v)
        graph.adj_list[v].add(u)
    models = models or [Counting(seed) for seed in range(5)]
    described, mapping = section(name, options), Linear(1, 5)
    return [
        factory.build(
            described, "sharing", uid, 0, None, mapping, graph, model, None, "."
        )
        for uid, model in enumerate(models)
    ]


IRREGULAR = [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (3, 4), (2, 3)]


def test_every_class_of_the_package_is_here():
    """Else a new class would promise nothing."""
    package = decentralizepy.sharing
    prefix = f"{package.__name__}."
    found = set()
    for module in pkgutil.walk_packages(package.__path__, prefix):
        name = module.name.rpartition(".")[2]
        plugin = getattr(importlib.import_module(module.name), name, None)
        if inspect.isclass(plugin) and issubclass(plugin, Sharing):
            found.add(module.name.removeprefix(prefix))
    assert found == {name.split()[0] for name in PROMISES} | ELSEWHERE.keys()


@every
def test_an_ini_file_may_say_so(name):
    """The checks take every option; what runs before the nodes start finds no fault."""
    promise = PROMISES[name]
    for options in (promise.part, promise.whole or {}):
        described = section(name, options)
        comm = {
            "comm_package": "tests.support.parts",
            "comm_class": "Wire",
            "addresses": "a",
        }
        config = {**CONFIG, "SHARING": described, "COMMUNICATION": comm}
        checks.check(config, "c.ini")


@that("fixed")
@pytest.mark.parametrize("kind", ["part", "whole"])
def test_equal_models_are_a_fixed_point(name, kind):
    """To the bit, whole numbers included: else models drift where nothing happens."""
    nodes = make(
        name,
        getattr(PROMISES[name], kind) or {},
        [Counting(3, count=1001) for _ in range(5)],
        IRREGULAR,
    )
    start = vectors(nodes)
    run(nodes, 4)
    assert vectors(nodes).tolist() == start.tolist()
    assert {int(node.model.count) for node in nodes} == {1001}


@every
def test_what_float32_cannot_hold_stays_at_home(name):
    """A causal mask is no divergence, and a counter beyond 2^24 is not rounded."""
    nodes = make(name, PROMISES[name].part, [Masked(seed) for seed in range(5)])
    run(nodes, 5)
    first = Masked(0)
    for node in nodes:
        assert node.flat.vector().isfinite().all()
        assert torch.equal(node.model.mask.isinf(), first.mask.isinf())
        assert torch.equal(node.model.steps, first.steps)


def test_imaginary_parts_are_averaged():
    nodes = make("Sharing", {}, [Masked(seed) for seed in range(5)])
    mean = torch.stack([node.model.c.detach() for node in nodes]).mean(0)
    run(nodes, 60)
    for node in nodes:
        torch.testing.assert_close(node.model.c.detach(), mean, rtol=0, atol=1e-5)


@every
def test_a_node_without_messages_keeps_its_model(name):
    """A round in which no peer is heard of is no failure."""
    node, *_ = make(name, PROMISES[name].part, edges=[(1, 2)])
    start = node.flat.vector().tolist()
    for number in (1, 2):
        node.get_data_to_send()
        node._averaging({})
        assert node.communication_round == number
    assert node.flat.vector().tolist() == start


@pytest.mark.parametrize("name", [n for n in PROMISES if PROMISES[n].whole is not None])
def test_sending_all_is_whole_model_sharing(name):
    plain = make("Sharing", {}, edges=IRREGULAR)
    nodes = make(name, PROMISES[name].whole, edges=IRREGULAR)
    for group in (plain, nodes):
        run(group, 3)
    assert vectors(nodes) == pytest.approx(vectors(plain), abs=1e-5)


@that("mean")
def test_the_mean_over_nodes_is_kept(name):
    nodes = make(name, PROMISES[name].part, edges=IRREGULAR)
    start = vectors(nodes).mean(axis=0)
    run(nodes, 10)
    assert vectors(nodes).mean(axis=0) == pytest.approx(start, abs=1e-5)


@every
def test_nodes_agree(name):
    """Or do not, where it is known that they will not."""
    nodes = make(name, PROMISES[name].part, [Counting(1) for _ in range(5)])
    for node in nodes:
        node.model.load_state_dict(Counting(10 + node.uid).state_dict())
    run(nodes, 250)
    assert (spread_of(nodes) < 1e-3) == PROMISES[name].agree


@every
def test_the_bytes_counted_are_the_bytes_sent(name):
    """``params`` and the rest of the message apart, as the results tell them."""
    node, *_ = make(name, PROMISES[name].part)
    exchange, mapping = make_exchange(2), Linear(1, 2)
    sender, receiver = (InProcess(rank, 0, mapping, 2, exchange) for rank in (0, 1))
    sender.init_connection(1)
    message = {**node.get_data_to_send(), "CHANNEL": "DPSGD"}
    sender.send(1, message)
    _, frames = receiver.poll(1000)
    assert sender.total_bytes == sum(memoryview(frame).nbytes for frame in frames)
    assert sender.total_data == payload_bytes(message["params"])
    assert sender.total_bytes == sender.total_data + sender.total_meta


@that("part")
def test_a_part_is_smaller_than_the_whole(name):
    """On a model of 421 numbers; JWINS draws the whole one round in three."""
    models = [Counting(seed, shape=(20, 20)) for seed in range(5)]
    nodes = make(name, PROMISES[name].part, models)
    whole, *_ = make("Sharing", {}, models)
    sizes = [bytes_of(nodes[0].get_data_to_send()) for _ in range(9)]
    assert np.mean(sizes) < bytes_of(whole.get_data_to_send())


@that("codec")
@pytest.mark.parametrize("compressor", CODECS)
def test_any_compressor_goes_with_any_sharing(name, compressor):
    """Lossless ones change no bit; of lossy ones the loss is small."""
    plain = make(name, PROMISES[name].part)
    coded = make(name, {**PROMISES[name].part, **codec(compressor)})
    for nodes in (plain, coded):
        run(nodes)
    largest = np.abs(vectors(plain)).max()
    tolerance = 0.02 * largest if compressor in LOSSY else 0
    assert vectors(coded) == pytest.approx(vectors(plain), abs=tolerance, rel=0)


@every
def test_a_message_is_read_without_being_changed(name):
    """In a process of many nodes, all receivers get the same arrays."""
    nodes = make(name, PROMISES[name].part)
    sent = copy.deepcopy(
        [node.get_data_to_send() for node in nodes]
    )  # to be written to
    before = copy.deepcopy(sent)
    for node in nodes:
        peers = node.graph.neighbors(node.uid)
        node._averaging({uid: deque([sent[uid]]) for uid in peers})
    np.testing.assert_equal(sent, before)
