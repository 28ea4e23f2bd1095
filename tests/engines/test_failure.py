"""Breaks when a bug in a user's plug-in is blamed on a peer, or its traceback is not shown."""

import os
import re

import pytest

from decentralizepy.engines.failure import describe, judge, round_of
from decentralizepy.errors import PeerLost
from decentralizepy.mappings.Linear import Linear
from decentralizepy.runs.spec import NodeSpec
from tests.support import faulty
from tests.support.launcher import run

pytestmark = pytest.mark.processes
PACKAGE = "tests.support.faulty"
PAIR = {
    "GRAPH": {
        "graph_package": "decentralizepy.graphs.FullyConnected",
        "graph_class": "FullyConnected",
    },
    "RUN": {"procs_per_machine": "2"},
}


def part(prefix, name, **options):
    return {f"{prefix}_package": PACKAGE, f"{prefix}_class": name, **options}


def sharing(where):
    return {"SHARING": part("sharing", "FaultySharing", where=where)}


CODEC = {
    "compress": "True",
    "compression_package": PACKAGE,
    "compression_class": "FaultyCodec",
}
SAMPLED = {
    "node_package": "decentralizepy.node.DPSGDWithPeerSampler",
    "node_class": "DPSGDWithPeerSampler",
    **part("server", "FaultySampler"),
}
LOSS = {"loss_package": PACKAGE, "loss_class": "FaultyLoss"}
START, SECOND, FIFTH = "before its first round", "in round 2", "in round 5"
# method: sections, exception, which node, when
BUGS = {
    "sharing's constructor": (sharing("constructor"), "KeyError", r"\d", START),
    "serialized_model": (sharing("serialized_model"), "AttributeError", "1", SECOND),
    "deserialized_model": (
        sharing("deserialized_model"),
        "AttributeError",
        "1",
        SECOND,
    ),
    "weight": (sharing("weight"), "AttributeError", "1", SECOND),
    "_averaging": (sharing("_averaging"), "AttributeError", "1", SECOND),
    "codec": ({"SHARING": CODEC}, "IndexError", r"\d", "in round 1"),
    "train": (
        {"TRAIN_PARAMS": part("training", "FaultyTraining")},
        "TypeError",
        r"\d",
        "in round 1",
    ),
    "test": ({"DATASET": part("dataset", "FaultyPoints")}, "KeyError", r"\d", FIFTH),
    "loss": ({"TRAIN_PARAMS": LOSS}, "ValueError", r"\d", "in round 1"),
    "get_neighbors": (
        {"NODE": part("node", "FaultyNode")},
        "KeyError",
        r"\d",
        "in round 1",
    ),
    "service": ({"NODE": SAMPLED}, "KeyError", "-1", START),
}


@pytest.mark.parametrize(
    ("sections", "exception", "uid", "when"), BUGS.values(), ids=BUGS
)
def test_a_bug_is_shown_with_its_place_and_its_node(
    experiment, sections, exception, uid, when
):
    done = run(experiment(rounds=5, **PAIR, **sections))
    assert done.returncode == 1, done.stdout + done.stderr
    place = rf"^\S+/faulty\.py:\d+: in \w+: {exception}"
    trace = r"\nTraceback \(most recent call last\):\n.*"
    node = rf"\nuid {uid} \(rank {uid}, machine 0\) failed {when}; its log: \S+\.log$"
    shown = re.search(place + ".*" + trace + node, done.stderr, re.M | re.S)
    assert shown, done.stderr
    assert "sent a model" not in done.stderr


def test_a_bug_that_shows_in_the_launcher_is_told_alike(experiment):
    section = part("dataset", "FaultyPoints", where="constructor")
    done = run(experiment(rounds=1, DATASET=section))
    assert done.returncode == 1
    assert re.match(
        r"\S+/faulty\.py:\d+: in __init__: KeyError: 'dataset'\n", done.stderr
    )
    assert done.stderr.endswith("KeyError: 'dataset'\nin the launcher\n")


def test_a_model_by_other_names_is_the_plug_ins_fault(experiment):
    section = part("sharing", "Misnaming")
    done = run(experiment(rounds=1, **PAIR, SHARING=section))
    assert done.returncode == 1
    text = "TypeError: Misnaming.deserialized_model returned ['weights'], but"
    assert text in done.stderr


def test_nan_out_of_an_average_is_no_peers_fault(experiment):
    done = run(experiment(rounds=3, **PAIR, **sharing("poison")))
    assert done.returncode == 1
    assert "uid 1: averaging gave NaN or infinity in round 1" in done.stderr
    assert "the fault is in FaultySharing" in done.stderr
    assert "sent a model" not in done.stderr


def test_the_place_is_the_users_even_if_a_library_raises():
    with pytest.raises(AttributeError) as raised:
        faulty.Linear().no_such_attribute  # noqa: B018
    first, *trace = describe(raised.value).splitlines()
    assert re.match(rf"{__file__}:\d+: in test_the_place\w+: AttributeError: .*", first)
    assert trace[0] == "Traceback (most recent call last):"
    assert round_of(raised.value) is None


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("x = 1\nx =\n", r"broken\.py:2", "SyntaxError"),
        ("x = 1\nx.y\n", r"broken\.py:2: in <module>", "AttributeError"),
    ],
)
def test_a_bug_at_import_is_shown_with_its_line(
    experiment, tmp_path, text, place, said
):
    """It came as one line of the INI file's, without the line of the module."""
    (tmp_path / "broken.py").write_text(text)
    broken = {"sharing_package": "broken", "sharing_class": "Broken"}
    words = experiment(rounds=2, SHARING=broken, **PAIR)
    done = run(words, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1, done.stderr
    assert re.match(rf".*{place}: {said}", done.stderr), done.stderr
    assert "Traceback" in done.stderr


@pytest.mark.parametrize(
    ("lost", "end"), [({1}, "waiting"), ({1, 3, 4}, "waiting; on machine 1, 2")]
)
def test_a_lost_peer_is_told_with_its_machine(tmp_path, lost, end):
    """Unless it was on the same one: two nodes on each of three machines."""
    place = 0, 0, Linear(3, 2), None, {}
    spec = NodeSpec(object, place, 0, 0, 0, tmp_path / "0.log")
    told = judge(PeerLost(lost, "waiting"), spec)
    assert told.report.endswith(end)
    assert told.status == 3
