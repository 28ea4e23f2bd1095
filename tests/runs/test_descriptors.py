"""Breaks when a process opens more files and sockets than were counted before the start."""

import os
import subprocess
import time
from argparse import Namespace
from types import SimpleNamespace

import psutil
import pytest

from decentralizepy.communication.IPC import IPC
from decentralizepy.communication.TCP import TCP
from decentralizepy.factory import Part
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.Star import Star
from decentralizepy.mappings.Linear import Linear
from decentralizepy.runs import descriptors
from decentralizepy.runs.experiment import Experiment
from tests.support import LIMIT_S, ROOT

NODES = 6
DENSE = {
    "graph_package": "decentralizepy.graphs.FullyConnected",
    "graph_class": "FullyConnected",
}


@pytest.fixture
def experiment_of(monkeypatch):
    """Return a function that makes as much of an experiment as is counted."""
    monkeypatch.setattr(descriptors, "cores", lambda: 2)
    monkeypatch.setattr(descriptors, "opened_here", lambda: 9)

    def experiment_of(graph, mapping, comm=TCP, **fields):
        made = SimpleNamespace(
            args=Namespace(machine_id=mapping.current_machine),
            ranks=[*range(mapping.get_local_procs_count())],
            graph=graph,
            mapping=mapping,
            parts={"COMMUNICATION": Part(comm, fields.pop("options", {}))},
            node_class=object,
            service_class=None,
            free_ports={},
            launchers={},
        )
        vars(made).update(fields)
        return made

    return experiment_of


def test_each_node_is_counted_with_its_own_peers(experiment_of):
    """A star over IPC, with 4 inherited: 4 + 15 always, 7 + 5 per peer, 2 per sibling."""
    star = experiment_of(Star(4), Linear(1, 4), IPC)
    counts = [each.files for each in descriptors.of_nodes(star, 4)]
    assert counts == [19 + 7 + 15, 19 + 7 + 5 + 2, 19 + 7 + 5 + 4, 19 + 7 + 5 + 6]
    assert descriptors.most(star).who.startswith("a node with 3 peers, one of 4 on")


def test_the_door_and_the_keys_of_curve_take_some_too(experiment_of):
    pair = FullyConnected(2), Linear(1, 2)
    plain, guarded = (
        descriptors.of_nodes(experiment_of(*pair, options=options), 0)[0].files
        for options in ({}, {"security": "curve"})
    )
    assert plain == 14 + 9 + 5
    assert guarded == plain + 6


def test_a_launcher_of_many_nodes_with_few_peers_needs_the_most(experiment_of):
    """It has two pipes per node, and holds their ports and its own."""
    many = experiment_of(Star(2), Linear(1, 500), free_ports={"offset": 9000})
    many.node_class = SimpleNamespace(server_driven=True)
    need = descriptors.most(many)
    assert need == (9 + 1 + 2 * 500 + 8, "the launcher of 500 nodes")


def test_96_nodes_connected_to_all_fit_a_usual_limit_on_6_machines(experiment_of):
    for security in ("none", "curve"):
        mapping = Linear(6, 16, current_machine=5)
        dense = experiment_of(
            FullyConnected(96),
            mapping,
            options={"security": security},
            launchers={"a": 1},
        )
        assert descriptors.most(dense).files < 1024


class OnDemand:
    server_driven = True


def test_who_is_connected_to_whom(experiment_of):
    four = experiment_of(FullyConnected(4), Linear(1, 4))
    assert descriptors.peers(four, 0) == 3
    four.service_class = object
    assert descriptors.peers(four, 0) == 4  # a peer sampler on another machine
    four.node_class = OnDemand
    assert descriptors.peers(four, 0) == 1  # clients know the server alone
    assert descriptors.peers(four, -1) == 4  # the server knows all
    eight = experiment_of(OnePeerExponential(8), Linear(1, 8))
    assert descriptors.peers(eight, 0) == 8  # those of other rounds stay connected


def opened(process):
    return len(os.listdir(f"/proc/{process}/fd"))


@pytest.mark.processes
@pytest.mark.parametrize("comm", ["IPC", "TCP"])
def test_a_dense_graph_opens_what_was_counted(experiment, tmp_path, comm):
    """Counted again until each process has as many; files for a moment come and go."""
    words = experiment(
        comm,
        rounds=100_000,
        GRAPH=DENSE,
        RUN={"procs_per_machine": str(NODES)},
        DATASET={"dataset_class": "Endless"},
    )
    run = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        rows = [tmp_path / "run" / f"{rank}_results.jsonl" for rank in range(NODES)]
        while not all(row.exists() and row.stat().st_size for row in rows):
            assert run.poll() is None
            time.sleep(0.05)
        children = sorted(psutil.Process(run.pid).children(), key=lambda each: each.pid)
        loaded = Experiment.load(words[words.index("-cf") :])
        deadline, found, expected = time.monotonic() + LIMIT_S, [], None
        while found != expected and time.monotonic() < deadline:
            inherited = opened(run.pid) - descriptors.SIBLING * NODES
            counted = descriptors.of_nodes(loaded, inherited)
            expected = [each.files - descriptors.MOMENTS for each in counted]
            found = [opened(each.pid) for each in children]
            time.sleep(0.05)
    finally:
        run.terminate()
        run.wait()
    assert found == expected
