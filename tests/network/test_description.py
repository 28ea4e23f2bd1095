"""Breaks when a trace means something else, or a mistake in one is not told."""

import sys

import numpy as np
import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.network.description import describe
from decentralizepy.network.traces import completed, of_topology, read_numbers


@pytest.fixture
def trace(tmp_path):
    def write(text):
        (tmp_path / "trace.csv").write_text(text)
        return str(tmp_path / "trace.csv")

    return write


def test_numbers_are_read_with_commas_semicolons_or_blanks(trace):
    expected = [[1, 2.5], [3, -1]]
    for text in ("1,2.5\n3,-1\n", "a;b\n1;2.5\n\n3;-1", "# ms\n1 2.5\n3\t-1\n"):
        assert read_numbers(trace(text)).tolist() == expected
    assert np.isnan(read_numbers(trace("1,,na\n-,nan,2"))).tolist() == [
        [False, True, True],
        [True, True, False],
    ]


def test_a_latency_that_was_not_measured_is_that_of_the_other_direction():
    found, gaps = completed(np.array([[0.02, 30, -0.5], [20, 0.02, -1], [70, -2, 0]]))
    # 0 <-> 2 was measured one way; 1 <-> 2 not at all: the median of 20, 30, 70
    assert found.tolist() == [[0, 30, 70], [20, 0, 30], [70, 30, 0]]
    assert gaps == 3


def test_a_column_is_of_nodes_and_a_link_has_both_ends(trace):
    path = trace("5\n10\n20\n")
    network = describe({"latency_file": path}, 3)
    assert network.latency[0].tolist() == [0, 0.015, 0.025]
    lossy = describe({"loss_file": trace("0.5\n0.2\n")}, 2)
    assert lossy.loss[0, 1] == pytest.approx(0.6)


def test_bandwidth_is_per_node_up_and_down_or_per_link(trace):
    both = describe({"bandwidth_file": trace("8,16\n,24\n")}, 2)
    assert both.up.tolist() == [1e6, np.inf]
    assert both.down.tolist() == [2e6, 3e6]
    links = describe({"bandwidth_file": trace("0,8,16\n24,0,\n40,8,0")}, 3)
    assert links.link[0].tolist() == [np.inf, 1e6, 2e6]
    assert links.link[1].tolist() == [3e6, np.inf, np.inf]


def test_the_first_sites_are_used_and_the_service_comes_after_the_nodes(trace):
    path = trace("1\n2\n3\n4\n")
    network = describe({"latency_file": path}, 2, services=1)
    assert network.latency.shape == (3, 3)
    assert network.latency[0, network.place(-1)] == pytest.approx(0.004)


MISTAKES = {
    "too few sites": ("latency_file", "0,1\n1,0\n", "has 2 sites, too few for 3 nodes"),
    "no square": ("latency_file", "1,2\n3,4\n5,6\n", "has 3 rows of 2 numbers"),
    "ragged": ("jitter_file", "1\n2,3\n4\n", "line 2 has 2 numbers, but the first 1"),
    "text": ("latency_file", "1\nfast\n2\n", "line 2, column 1: 'fast' is no number"),
    "empty": ("latency_file", "# nothing\n", "has no numbers"),
    "negative": ("bandwidth_file", "1\n-2\n3\n", "row 2, column 1: -2 is negative"),
    "nothing arrives": ("bandwidth_file", "1\n0\n3\n", "has a bandwidth of 0"),
    "all lost": ("loss_file", "0\n1\n0\n", "has a loss of 1 or more"),
    "unmeasured": ("latency_file", "0,-1\n-1,0\n", "has no measured latency"),
    "a gap": ("compute_file", "1\nna\n3\n", "row 2 has a gap"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_file_names_the_key(trace, case):
    key, text, cause = MISTAKES[case]
    path = trace(text)
    with pytest.raises(ConfigError) as error:
        describe({key: path}, 2 if case == "unmeasured" else 3)
    assert str(error.value).startswith(f"[NETWORK] {key} = {path}: {cause}")


def test_a_missing_file_and_a_double_description_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"latency_file = .*cannot be read"):
        describe({"latency_file": str(tmp_path / "none.csv")}, 2)
    with pytest.raises(ConfigError, match="latency_file: given together with latency"):
        describe({"latency_file": "x", "latency": 3}, 2)


def test_a_topology_has_the_latency_of_its_shortest_paths():
    """Of topohub itself; sites 0 and 1 of polska have no link, but site 2 has one to each."""
    pytest.importorskip("topohub", reason="the extra topologies is not installed")
    found = of_topology("sndlib/polska")
    assert found.shape == (12, 12)
    assert found == pytest.approx(found.T)
    assert found.diagonal().tolist() == [0] * 12
    assert found[0, 10] == pytest.approx(273.93 / 200)
    assert found[0, 1] == pytest.approx((162.65 + 170.43) / 200)
    network = describe({"topology": "sndlib/polska"}, 3, services=1)
    assert network.latency == pytest.approx(found[:4, :4] / 1000)


@pytest.mark.parametrize(
    ("name", "nodes", "line"),
    [
        (
            "sndlib/polsca",
            3,
            "topohub has no such topology; did you mean sndlib/polska?",
        ),
        ("../../setup", 3, "topohub has no such topology"),
        ("sndlib/polska", 13, "has 12 sites, too few for 13 nodes"),
    ],
)
def test_a_mistake_in_a_topology_names_the_key(name, nodes, line):
    pytest.importorskip("topohub", reason="the extra topologies is not installed")
    with pytest.raises(ConfigError) as error:
        describe({"topology": name}, nodes)
    assert str(error.value) == f"[NETWORK] topology = {name}: {line}"


def test_a_topology_needs_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "topohub", None)
    with pytest.raises(ConfigError, match=r"pip install decentralizepy\[topologies\]"):
        describe({"topology": "sndlib/polska"}, 3)
