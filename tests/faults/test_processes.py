"""Nodes that die in real runs: breaks when a run hangs, lies or differs."""

import json
import random

import pytest
import torch

from tests.support.launcher import make_experiment, results, run, weights

pytestmark = pytest.mark.processes
ROUNDS, EVERY, NODES = 12, 3, 4
ADAM = {"optimizer_class": "Adam", "lr": "0.05"}
CHECKPOINTS = {"RUN": {"checkpoint_every": str(EVERY), "reset_optimizer": "0"}}
DRAW = random.Random(7)
KILLS = [(DRAW.randrange(NODES), DRAW.randint(1, ROUNDS)) for _ in range(20)]
DEATHS = [(who, when) for when in (1, 3, 4, 6, 9, 12) for who in range(NODES)]


@pytest.fixture
def mortal(tmp_path):
    """Return a function that gives the sections in which a node dies once."""

    def mortal(who, when, how="kill", rounds=ROUNDS):
        marker = tmp_path / "marker"
        marker.touch()
        dying = {
            "dataset_package": "tests.support.mortal",
            "dataset_class": "Mortal",
            "who": str(who),
            "when": str(when),
            "marker": str(marker),
            "how": how,
        }
        return {"DATASET": dying, "OPTIMIZER_PARAMS": ADAM, **CHECKPOINTS}

    return mortal


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Return the results and weights of a run in which nothing fails."""
    folder = tmp_path_factory.mktemp("clean")
    words = make_experiment(folder)(rounds=ROUNDS, **undisturbed())
    done = run(words)
    assert done.returncode == 0, done.stderr
    return results(folder / "run"), weights(folder / "run" / "weights")


def undisturbed():
    dataset = {"dataset_package": "tests.support.mortal", "dataset_class": "Mortal"}
    return {"DATASET": dataset, "OPTIMIZER_PARAMS": ADAM, **CHECKPOINTS}


def as_if_nothing_had_happened(clean, folder):
    tables, final = clean
    assert results(folder) == tables
    own = weights(folder / "weights")
    assert own.keys() == final.keys()
    assert all(torch.equal(own[name], final[name]) for name in final)


@pytest.mark.parametrize(("who", "when"), dict.fromkeys(KILLS))
@pytest.mark.slow
def test_a_killed_run_that_is_gone_on_with_ends_as_if_it_had_not_been(
    experiment, tmp_path, clean, mortal, who, when
):
    """The death is told within seconds, and a resume is bit by bit."""
    words = experiment(rounds=ROUNDS, **mortal(who, when))
    done = run(words)
    assert done.returncode == 1
    assert f"uid {who} (rank {who}, machine 0) was killed by SIGKILL" in done.stderr
    folder = tmp_path / "run"
    if when <= EVERY:  # there is no checkpoint that all have, or there may not be
        again = run([*words, "--overwrite"])
    else:
        again = run([*words[:4], "--resume", str(folder)])
        assert "resuming after round" in again.stdout
    assert again.returncode == 0, again.stderr
    as_if_nothing_had_happened(clean, folder)


@pytest.mark.parametrize(
    ("who", "when"),
    [
        pytest.param(*case, marks=[] if case == (3, 6) else pytest.mark.slow)
        for case in DEATHS
    ],
)
def test_a_node_that_dies_is_started_again(
    experiment, tmp_path, clean, mortal, who, when
):
    """``on_peer_loss = restart`` ends as if nothing had happened, and says what did."""
    faults = {"FAULTS": {"on_peer_loss": "restart"}}
    done = run(experiment(rounds=ROUNDS, **mortal(who, when), **faults))
    assert done.returncode == 0, done.stderr
    told = f"warning: uid {who} (rank {who}, machine 0) was killed by SIGKILL"
    assert told in done.stderr
    assert "restarting all nodes after round" in done.stderr
    as_if_nothing_had_happened(clean, tmp_path / "run")


@pytest.mark.slow
def test_a_node_that_fails_again_and_again_ends_the_run(experiment, mortal):
    sections = mortal(1, 2, how="raise")
    sections["DATASET"] |= {
        "dataset_package": "tests.support.toy",
        "dataset_class": "Dying",
    }
    for key in ("who", "when", "marker"):
        del sections["DATASET"][key]
    sections["RUN"] = {**CHECKPOINTS["RUN"], "max_restarts": "2"}
    faults = {"FAULTS": {"on_peer_loss": "restart"}}
    done = run(experiment(rounds=50, **sections, **faults))
    assert done.returncode == 1
    assert done.stderr.count("restarting all nodes") == 2
    assert "RuntimeError: the toy broke" in done.stderr


@pytest.mark.parametrize("down", [{}, {2: (4, 5), 6: (5,)}])
@pytest.mark.slow
def test_the_others_go_on_without_a_node_that_died(experiment, tmp_path, mortal, down):
    """8 nodes in a ring, one dies; the others finish, with a symmetric matrix.

    Also if some are ``down`` by churn, by uid in some rounds, while it dies.
    """
    sections = mortal(3, 4)
    if down:
        trace = tmp_path / "trace.txt"
        rounds = range(1, ROUNDS + 1)
        lines = ([int(n not in down.get(uid, ())) for n in rounds] for uid in range(8))
        trace.write_text("".join(f"{' '.join(map(str, line))}\n" for line in lines))
        sections["CHURN"] = {"trace_file": str(trace)}
    sections["RUN"] = {"procs_per_machine": "8", "checkpoint_every": "0"}
    sharing = {"sharing_package": "tests.support.mortal", "sharing_class": "Weighing"}
    faults = {"FAULTS": {"on_peer_loss": "drop"}}
    done = run(experiment(rounds=ROUNDS, SHARING=sharing, **sections, **faults))
    assert done.returncode == 1  # not every node ended well
    assert "uid 3 (rank 3, machine 0) was killed by SIGKILL" in done.stderr
    tables = results(tmp_path / "run")
    for rank in set(range(8)) - {3}:
        table = tables[f"{rank}_results.json"]
        assert list(table["total_bytes"]) == [str(r + 1) for r in range(ROUNDS)]
        lost = table.get("lost_peers", {})
        assert list(lost.values())[-1:] == ([[3]] if rank in (2, 4) else [])
        assert [*table.get("down", {})] == [*map(str, down.get(rank, ()))]
    assert symmetric_among(tmp_path / "run" / "weights.jsonl", set(range(8)) - {3})


@pytest.mark.slow
def test_epidemic_learning_survives_a_node_that_died(experiment, tmp_path, mortal):
    """Nothing stands in for a lost peer where nobody need send to anybody."""
    sections = mortal(3, 4)
    sections["RUN"] = {"checkpoint_every": "0"}
    sections["NODE"] = {
        "node_package": "decentralizepy.node.EpidemicLearning.EL_Local",
        "node_class": "EL_Local",
    }
    sections["GRAPH"] = {
        "graph_package": "decentralizepy.graphs.FullyConnected",
        "graph_class": "FullyConnected",
    }
    faults = {"FAULTS": {"on_peer_loss": "drop"}}
    done = run(experiment(rounds=ROUNDS, **sections, **faults))
    assert done.returncode == 1
    assert "uid 3 (rank 3, machine 0) was killed by SIGKILL" in done.stderr
    tables = results(tmp_path / "run")
    for rank in range(3):
        table = tables[f"{rank}_results.json"]
        assert list(table["total_bytes"]) == [str(r + 1) for r in range(ROUNDS)]
        assert list(table["lost_peers"].values())[-1:] == [[3]]


@pytest.mark.slow
def test_the_others_go_on_with_a_sampler_without_a_node_that_died(
    experiment, tmp_path, mortal
):
    """It waits for requests of the node that died, too."""
    sections = mortal(3, 4)
    sections["RUN"] = {"checkpoint_every": "0"}
    sections["NODE"] = {
        "node_package": "decentralizepy.node.DPSGDWithPeerSampler",
        "node_class": "DPSGDWithPeerSampler",
        "server_package": "decentralizepy.node.PeerSampler",
        "server_class": "PeerSampler",
    }
    faults = {"FAULTS": {"on_peer_loss": "drop"}}
    done = run(experiment(rounds=ROUNDS, **sections, **faults))
    assert done.returncode == 1
    assert "uid 3 (rank 3, machine 0) was killed by SIGKILL" in done.stderr
    tables = results(tmp_path / "run")
    for rank in range(3):
        assert str(ROUNDS) in tables[f"{rank}_results.json"]["total_bytes"]


PATIENT = {"on_peer_loss": "drop", "start_timeout": "100000"}
FEDERATED = {
    "node_package": "decentralizepy.node.DPSGDNodeFederated",
    "node_class": "DPSGDNodeFederated",
    "server_package": "decentralizepy.node.FederatedParameterServer",
    "server_class": "FederatedParameterServer",
    "client_weights": "samples",
}
STC = {
    "node_package": "decentralizepy.node.STC.STCClient",
    "node_class": "STCClient",
    "server_package": "decentralizepy.node.STC.STCServer",
    "server_class": "STCServer",
    "client_weights": "samples",
}
EPIDEMIC = {
    "node_package": "decentralizepy.node.EpidemicLearning.EL_Local_Timeout",
    "node_class": "EL_Local",
    "timeout": "0.2",
}
CLASSES = {
    "DPSGDNode": {},
    "Federated": {"NODE": FEDERATED},
    "STC": {
        "NODE": STC,
        "SHARING": {
            "sharing_package": "decentralizepy.sharing.STC",
            "sharing_class": "STC",
            "alpha": "0.3",
        },
    },
    "EL_Local_Timeout": {"NODE": EPIDEMIC},
}


@pytest.mark.parametrize("name", CLASSES)
def test_a_node_that_dies_before_its_first_round_ends_all_at_once(experiment, name):
    """Its peers would wait for its greeting until start_timeout."""
    sections = {"DATASET": {"dataset_class": "Stillborn"}, **CLASSES[name]}
    done = run(experiment(**sections, FAULTS=PATIENT))
    assert done.returncode == 1
    assert "RuntimeError: the toy broke" in done.stderr
    assert "uid 2 (rank 2, machine 0) failed before its first round" in done.stderr


def test_a_node_that_dies_in_the_start_barrier_ends_all_at_once(experiment):
    """It has greeted its neighbors, who may have passed the barrier already."""
    node = {"node_package": "tests.support.mortal", "node_class": "Fainting"}
    done = run(experiment(NODE=node, FAULTS=PATIENT))
    assert done.returncode == 1
    assert "uid 2 (rank 2, machine 0) was killed by SIGKILL" in done.stderr


@pytest.mark.slow
def test_a_node_that_dies_while_a_resumed_run_loads_ends_all_at_once(
    experiment, tmp_path, mortal
):
    """The results of the run that is resumed do not count as rounds of this one."""
    words = experiment(rounds=EVERY, FAULTS=PATIENT, **mortal(2, 0))
    (tmp_path / "marker").unlink()
    assert run(words).returncode == 0
    (tmp_path / "marker").touch()
    done = run([*words[:4], "-is", "8", "--resume", str(tmp_path / "run")])
    assert done.returncode == 1
    assert "uid 2 (rank 2, machine 0) was killed by SIGKILL" in done.stderr


@pytest.mark.parametrize(
    ("service", "node"),
    [
        ("MortalServer", "DPSGDNodeFederated"),
        ("MortalSampler", "DPSGDWithPeerSampler"),
    ],
)
def test_nobody_goes_on_without_a_service(experiment, service, node):
    section = {
        "node_package": f"decentralizepy.node.{node}",
        "node_class": node,
        "server_package": "tests.support.mortal",
        "server_class": service,
    }
    done = run(experiment(rounds=1000, NODE=section, FAULTS=PATIENT))
    assert done.returncode == 1
    assert "uid -1 (rank -1, machine 0) was killed by SIGKILL" in done.stderr


@pytest.mark.parametrize("name", ["Federated", "STC"])
@pytest.mark.slow
def test_a_server_goes_on_without_a_client_that_died(
    experiment, tmp_path, mortal, name
):
    sections = {**mortal(3, 4), **CLASSES[name]}
    sections["RUN"] = {"checkpoint_every": "0"}
    done = run(experiment(rounds=ROUNDS, FAULTS=PATIENT, **sections))
    assert done.returncode == 1
    assert "uid 3 (rank 3, machine 0) was killed by SIGKILL" in done.stderr
    table = results(tmp_path / "run")["-1_results.json"]
    assert list(table["total_bytes"]) == [str(r + 1) for r in range(ROUNDS)]
    assert list(table["lost_peers"].values())[-1:] == [[3]]


@pytest.mark.slow
def test_epidemic_learning_with_a_time_limit_notices_who_died(
    experiment, tmp_path, mortal
):
    """No node ever waits for a certain other one."""
    sections = {**mortal(3, 4), **CLASSES["EL_Local_Timeout"]}
    sections["RUN"] = {"checkpoint_every": "0"}
    done = run(experiment(rounds=ROUNDS + 40, FAULTS=PATIENT, **sections))
    assert done.returncode == 1
    assert "uid 3 (rank 3, machine 0) was killed by SIGKILL" in done.stderr
    tables = results(tmp_path / "run")
    for rank in (0, 2):  # its neighbors in the ring
        assert list(tables[f"{rank}_results.json"]["lost_peers"].values())[-1:] == [[3]]


def symmetric_among(path, alive):
    """Tell whether the weights of each pair of ``alive`` agree in all rounds."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    table = {(r, i, j): w for r, i, j, w in lines}
    pairs = [(r, i, j) for r, i, j in table if {i, j} <= alive]
    assert {r for r, _, _ in pairs} == set(range(ROUNDS))
    rows = {}
    for r, i, j in pairs:
        rows[r, i] = rows.get((r, i), 0) + table[r, i, j]
    assert max(rows.values()) <= 1
    return all(table[r, i, j] == table[r, j, i] for r, i, j in pairs)


def test_an_algorithm_that_remembers_its_peers_cannot_drop_them(
    experiment,
):
    sharing = {
        "sharing_package": "decentralizepy.sharing.Choco",
        "sharing_class": "Choco",
        "alpha": "0.5",
        "step_size": "0.5",
    }
    done = run(experiment(SHARING=sharing, FAULTS={"on_peer_loss": "drop"}))
    assert done.returncode == 2
    assert "[FAULTS] on_peer_loss = drop: Choco keeps a state" in done.stderr
