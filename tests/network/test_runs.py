"""Breaks when an emulated network changes a run's bits, or engines disagree on its time."""

import itertools
import json

import pytest

from decentralizepy.commands import compare, network, plot
from decentralizepy.errors import ConfigError
from decentralizepy.runs.experiment import Experiment
from tests.support.alike import assert_same_weights
from tests.support.launcher import debug, results, run
from tests.support.launchers import ends

pytestmark = pytest.mark.processes
#: 1 s of computing; messages of 100 bytes and more, at 1 kB/s
SLOW = {"latency": "500", "bandwidth": "0.008", "compute": "1", "watts": "2"}
ENGINES = {
    "process": (),
    "packed": ("--engine", "packed", "--workers", "2"),
}


def times(tmp_path, name, metric="virtual_time"):
    """Return the virtual time of each round, by the name of the file."""
    return {
        path.name: json.loads(path.read_text())[metric]
        for path in sorted((tmp_path / name).glob("*_results.json"))
    }


@pytest.mark.slow
def test_all_engines_have_the_same_time_and_the_bits_of_a_run_without(
    experiment, tmp_path
):
    assert debug(experiment("IPC", 3, name="plain")) == 0
    assert debug(experiment("IPC", 3, name="debug", NETWORK=SLOW)) == 0
    for name, flags in ENGINES.items():
        done = run([*experiment("IPC", 3, name=name, NETWORK=SLOW), *flags])
        assert done.returncode == 0, done.stderr
    for name in (*ENGINES, "debug"):
        assert_same_weights(tmp_path / name / "weights", tmp_path / "plain" / "weights")
        assert times(tmp_path, name) == times(tmp_path, "process")
    found = results(tmp_path / "process")["0_results.json"]
    assert (
        found["total_bytes"]
        == results(tmp_path / "plain")["0_results.json"]["total_bytes"]
    )
    assert found["energy"] == {"1": 2.0, "2": 4.0, "3": 6.0}
    assert "network" not in found
    # both neighbors get a message of a third of what is sent in 3 rounds, less greetings
    end = found["virtual_time"]["3"]
    sent = found["total_bytes"]["3"] / 1000
    assert sent - 0.3 < end - 3 * 1.5 < sent


@pytest.mark.slow
def test_several_machines_have_the_times_of_one(experiment, tmp_path, launch):
    """Once their log folders are in one, as the two launchers say."""
    assert debug(experiment("IPC", 3, name="one", NETWORK=SLOW)) == 0
    words = experiment("TCP", 3, NETWORK=SLOW)
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    folder = tmp_path / "two"
    words += ["-ms", "2", "-ps", "2", "-wsd", str(folder / "weights")]
    launchers = [
        launch([*words, "-mid", number, "-ld", str(folder / f"machine{number}")])
        for number in ("0", "1")
    ]
    for status, told, errors in ends(launchers):
        assert status == 0, errors
        assert "then: decentralizepy network FOLDER" in told
    assert network.main([str(folder)]) == 0
    found = [times(folder, f"machine{n}") for n in range(2)]
    ranks = [table[f"{rank}_results.json"] for table in found for rank in range(2)]
    assert ranks == [*times(tmp_path, "one").values()]


FEDERATED = {
    "node_package": "decentralizepy.node.DPSGDNodeFederated",
    "node_class": "DPSGDNodeFederated",
    "server_package": "decentralizepy.node.FederatedParameterServer",
    "server_class": "FederatedParameterServer",
}
SAMPLED = {
    "node_package": "decentralizepy.node.EpidemicLearning.EL_Oracle_Client",
    "node_class": "EL_Oracle_Client",
    "server_package": "decentralizepy.node.EpidemicLearning.EL_Oracle_TopologyBuilder",
    "server_class": "EL_Oracle_TopologyBuilder",
    "graph_degree": "2",
}
EPIDEMIC = {
    "node_package": "decentralizepy.node.EpidemicLearning.EL_Local",
    "node_class": "EL_Local",
    "graph_degree": "1",
}
TIMEOUT = {
    **EPIDEMIC,
    "node_package": "decentralizepy.node.EpidemicLearning.EL_Local_Timeout",
    "timeout": "2",
}


@pytest.mark.parametrize("node", [FEDERATED, SAMPLED, EPIDEMIC])
def test_every_round_has_a_time_whoever_is_waited_for(experiment, tmp_path, node):
    assert debug(experiment("IPC", 3, NODE=node, NETWORK=SLOW)) == 0
    for rounds in times(tmp_path, "run").values():
        assert [*rounds] == ["1", "2", "3"]
        found = [0, *rounds.values()]
        assert all(later > earlier for earlier, later in itertools.pairwise(found))


@pytest.mark.slow
def test_nodes_that_wait_for_nobody_run_by_the_virtual_clock(experiment, tmp_path):
    """A model takes 0.6 to 0.8 s: computing 1 s and waiting 2 s, each round has the last."""
    for name in ("one", "again"):
        words = experiment("IPC", 4, name=name, NODE=TIMEOUT, NETWORK=SLOW)
        assert debug(words) == 0
    packed = experiment("IPC", 4, name="packed", NODE=TIMEOUT, NETWORK=SLOW)
    done = run([*packed, "--engine", "packed", "--workers", "1"])
    assert done.returncode == 0, done.stderr
    for name in ("again", "packed"):
        assert_same_weights(tmp_path / name / "weights", tmp_path / "one" / "weights")
        assert times(tmp_path, name) == times(tmp_path, "one")
    for rounds in times(tmp_path, "one", "energy").values():
        assert rounds["4"] == 8
    for rounds in times(tmp_path, "one").values():
        assert rounds["4"] == pytest.approx(4 * 3, abs=4 * 0.05)  # polls take 50 ms


PAIRS = {"node_package": "decentralizepy.node.ADPSGD", "node_class": "ADPSGD"}
GOSSIP = {
    "node_package": "decentralizepy.node.GossipLearning",
    "node_class": "GossipLearning",
    "timeout": "1",
}


@pytest.mark.parametrize("node", [PAIRS, GOSSIP], ids=["ADPSGD", "GossipLearning"])
def test_nodes_without_common_rounds_repeat_to_the_bit(experiment, tmp_path, node):
    """Node 3 is three times as slow as the others."""
    (tmp_path / "seconds.txt").write_text("1\n1\n1\n3\n")
    network = {"latency": "100", "compute_file": str(tmp_path / "seconds.txt")}
    for name in ("one", "again"):
        words = experiment("IPC", 4, name=name, NODE=node, NETWORK=network)
        assert debug(words) == 0
    assert_same_weights(tmp_path / "again" / "weights", tmp_path / "one" / "weights")
    assert times(tmp_path, "again") == times(tmp_path, "one")
    ends = [rounds["4"] for rounds in times(tmp_path, "one").values()]
    assert len(ends) == 4
    assert 12 <= ends[3] < 17  # 4 rounds of 3 s, and 1 s each for gossip


def test_nodes_that_wait_for_nobody_need_one_process(experiment):
    with pytest.raises(
        ConfigError, match="what EL_Local does depends on when messages"
    ):
        Experiment.load(experiment("IPC", 3, NODE=TIMEOUT, NETWORK=SLOW)[4:])


def test_a_mistake_names_the_file_the_section_and_the_key(experiment, tmp_path):
    (tmp_path / "latency.csv").write_text("0,1\n1,0\n")
    file = {"latency_file": str(tmp_path / "latency.csv")}
    for section, cause in (
        (file, "latency.csv: has 2 sites, too few for 4 nodes"),
        ({"bandwidth": "-3"}, "[NETWORK] bandwidth = -3: expected a number greater"),
        ({"latensy": "3"}, "[NETWORK] latensy: not an option of NETWORK; did you mean"),
    ):
        with pytest.raises(ConfigError) as error:
            Experiment.load(experiment("IPC", 3, NETWORK=section)[4:])
        assert f"{tmp_path / 'run.ini'}: [NETWORK]" in str(error.value)
        assert cause in str(error.value)


def test_a_finished_run_is_timed_on_another_network(experiment, tmp_path, capsys):
    assert debug(experiment("IPC", 2, NETWORK=SLOW)) == 0
    assert network.main([str(tmp_path / "run")]) == 0  # the same again
    before = times(tmp_path, "run")
    arguments = [str(tmp_path / "run"), "-o", str(tmp_path / "fast")]
    assert network.main([*arguments, "--set", "NETWORK.bandwidth=8"]) == 0
    assert times(tmp_path, "run") == before
    for rounds in times(tmp_path, "fast").values():
        assert rounds["2"] == pytest.approx(3, abs=0.01)  # 2 rounds of 1 s and 500 ms
    assert network.main([*arguments, "--set", "NETWORK.bandwidth=80"]) == 2  # exists
    target = ["--target", "1", "--csv", "-o", str(tmp_path / "a.png")]
    capsys.readouterr()
    assert compare.main([str(tmp_path / "fast"), *target]) == 0
    assert "virtual" in capsys.readouterr().out.partition("\n")[0].split(",")
    figure = ["--y", "train_loss", "--x", "virtual_time", "-o", str(tmp_path / "b.png")]
    assert plot.main([str(tmp_path / "fast"), *figure]) == 0
