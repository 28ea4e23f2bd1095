"""Every kind of node as real processes on the digits, by its driver and by its INI alone."""

import json
import subprocess
import sys

import pytest

from tests.support import LIMIT_S, ROOT
from tests.support.launcher import results, run

pytestmark = pytest.mark.processes
NODES = 6
DIGITS = {
    "dataset_package": "decentralizepy.datasets.Digits",
    "dataset_class": "Digits",
    "model_class": "MLP",
}
COMPLETE = {
    "graph_package": "decentralizepy.graphs.FullyConnected",
    "graph_class": "FullyConnected",
}
EL = "EpidemicLearning"
# driver: node class, service class, more of section NODE
KINDS = {
    "eval/testing.py": ("DPSGDNode", None, {}),
    "eval/testingManual.py": ("DPSGDNode", None, {}),
    "eval/testingPeerSamplerDynamicManual.py": (
        "DPSGDWithPeerSampler",
        "PeerSamplerDynamic",
        {"graph_degree": "3"},
    ),
    "eval/testingPeerSampler.py": ("DPSGDWithPeerSampler", "PeerSampler", {}),
    "eval/testingPeerSamplerDynamic.py": (
        "DPSGDWithPeerSampler",
        "PeerSamplerDynamic",
        {"graph_degree": "3"},
    ),
    "eval/testingFederated.py": ("DPSGDNodeFederated", "FederatedParameterServer", {}),
    "eval/testingSTC.py": ("STC.STCClient", "STC.STCServer", {}),
    "eval/testingKNN.py": ("KNN", None, {"k": "2", "gossip_rounds": "10"}),
    "eval/testingKFN.py": ("KFN", None, {"k": "2", "gossip_rounds": "10"}),
    "tutorial/EpidemicLearning/testingEL_Local.py": (f"{EL}.EL_Local", None, {}),
    "tutorial/EpidemicLearning/testingEL_Oracle.py": (
        f"{EL}.EL_Oracle_Client",
        f"{EL}.EL_Oracle_TopologyBuilder",
        {"graph_degree": "3"},
    ),
}
SERVERS = ("FederatedParameterServer", "STC.STCServer")


def sections(node, service, options):
    named = {"node": node, "server": service}
    keys = {
        f"{prefix}_{part}": value
        for prefix, name in named.items()
        if name
        for part, value in (
            ("package", f"decentralizepy.node.{name}"),
            ("class", name.rpartition(".")[2]),
        )
    }
    chosen = {"DATASET": DIGITS, "GRAPH": COMPLETE, "NODE": {**keys, **options}}
    if node.startswith("STC"):
        stc = {"sharing_package": "decentralizepy.sharing.STC", "sharing_class": "STC"}
        chosen["SHARING"] = stc
    return {**chosen, "RUN": {"procs_per_machine": str(NODES), "working_rate": "0.5"}}


@pytest.mark.parametrize("by", ["driver", "INI"])
@pytest.mark.parametrize(("driver", "kind"), KINDS.items(), ids=KINDS)
@pytest.mark.slow
def test_a_kind_runs_to_its_end(experiment, tmp_path, driver, kind, by):
    node, service, options = kind
    chosen = sections(node, service, options)
    words = experiment(rounds=5, driver=driver if by == "driver" else None, **chosen)
    done = run(words)
    assert done.returncode == 0, done.stdout + done.stderr
    tables = results(tmp_path / "run")
    if service in SERVERS:
        assert list(tables["-1_results.json"]["test_acc"]) == ["5"]
        worked = sum(len(table["total_bytes"]) for table in tables.values())
        assert worked == 5 * (1 + NODES // 2)  # half of the clients in each round
    else:
        assert len(tables) == NODES
        assert all(list(table["test_acc"]) == ["5"] for table in tables.values())


@pytest.mark.slow
def test_a_deadline_ends_each_round(experiment, tmp_path):
    chosen = sections(f"{EL}.EL_Local_Timeout", None, {"timeout": "0.2"})
    chosen["NODE"]["node_class"] = "EL_Local"
    done = run(experiment(rounds=5, **chosen))
    assert done.returncode == 0, done.stdout + done.stderr
    tables = results(tmp_path / "run")
    assert all(len(table["total_bytes"]) == 5 for table in tables.values())


@pytest.mark.parametrize(
    ("node", "options", "graph"),
    [
        ("ADPSGD", {}, "Ring"),
        ("GossipLearning", {"timeout": "0.2"}, "FullyConnected"),
        ("Teleportation", {"active": "3"}, "FullyConnected"),
    ],
)
@pytest.mark.slow
def test_nodes_without_common_rounds_do_all_of_theirs(
    experiment, tmp_path, node, options, graph
):
    chosen = sections(node, None, options)
    package = f"decentralizepy.graphs.{graph}"
    chosen["GRAPH"] = {"graph_package": package, "graph_class": graph}
    done = run(experiment(rounds=5, **chosen))
    assert done.returncode == 0, done.stdout + done.stderr
    tables = results(tmp_path / "run")
    assert len(tables) == NODES
    assert all(len(table["total_bytes"]) == 5 for table in tables.values())


@pytest.mark.parametrize("place", ["-sm 0 -sr -3"])
def test_a_service_may_have_any_rank(experiment, tmp_path, place):
    federated = sections(*KINDS["eval/testingFederated.py"])
    done = run([*experiment(rounds=2, **federated), *place.split(), "-ta", "2"])
    assert done.returncode == 0, done.stdout + done.stderr
    server = tmp_path / "run" / f"{place.split()[-1]}_results.json"
    assert list(json.loads(server.read_text())["test_acc"]) == ["2"]


@pytest.mark.slow
def test_a_service_may_run_on_the_second_machine(experiment, tmp_path):
    federated = sections(*KINDS["eval/testingFederated.py"])
    federated["RUN"] = {"procs_per_machine": "3", "machines": "2"}
    words = [*experiment(rounds=2, **federated), "-sm", "1", "-ta", "2"]
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    launchers = [
        subprocess.Popen(
            [*words, "-mid", machine, "-ld", str(tmp_path / machine)], cwd=ROOT
        )
        for machine in ("0", "1")
    ]
    assert [launcher.wait(LIMIT_S) for launcher in launchers] == [0, 0], sys.stderr
    assert (tmp_path / "1" / "-1_results.json").exists()
