"""Breaks when tc is told of other links than those that section NETWORK describes."""

import pytest

from decentralizepy.network.description import describe
from decentralizepy.network.shaping import inbound, outbound

HOSTS = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
FRAME = 1514 / 1448  # bytes of a frame by those of its data


def words(line, key):
    """Return the word that follows a key."""
    found = line.split()
    return found[found.index(key) + 1]


def test_nothing_is_limited_without_a_description():
    network = describe({}, 3)
    assert [*outbound(network, 0, HOSTS), *inbound(network, 0)] == []


def test_what_a_node_sends_in_all_is_limited_and_shared_equally():
    root, whole, *lines = outbound(describe({"up": 8, "down": 16}, 3), 1, HOSTS)
    assert root == "qdisc add dev eth0 root handle 1: htb"
    assert words(whole, "rate") == f"{8e6 * FRAME:.0f}bit"
    classes, filters = lines[::2], lines[1::2]
    assert [words(each, "rate") for each in classes] == [f"{4e6 * FRAME:.0f}bit"] * 2
    assert [words(each, "ceil") for each in classes] == [f"{8e6 * FRAME:.0f}bit"] * 2
    assert [words(each, "dst") for each in filters] == ["10.0.0.1/32", "10.0.0.3/32"]
    numbers = [words(each, "classid") for each in classes]
    assert [words(each, "flowid") for each in filters] == numbers == ["1:2", "1:4"]


def test_what_a_node_receives_in_all_is_limited_at_the_switch():
    (line,) = inbound(describe({"up": 8, "down": 16}, 3), 2)
    assert line.startswith("qdisc add dev port2 root tbf rate ")
    assert words(line, "rate") == f"{16e6 * FRAME:.0f}bit"


def test_each_link_has_its_own_rate_delay_jitter_and_loss(tmp_path):
    (tmp_path / "links").write_text("0,8,\n8,0,8\n4,8,0\n")
    (tmp_path / "ms").write_text("0,10,20\n30,0,40\n50,60,0\n")
    section = {"bandwidth_file": tmp_path / "links", "latency_file": tmp_path / "ms"}
    network = describe({**section, "jitter": 2, "loss": 0.01}, 3)
    lines = [*outbound(network, 0, HOSTS)]
    caps = [words(line, "ceil") for line in lines if "parent 1:1 " in line]
    assert caps == [f"{8e6 * FRAME:.0f}bit", "100000000000bit"]  # a gap is no limit
    netem = [line.partition("limit ")[2] for line in lines if "netem" in line]
    assert netem == ["100000 delay 10ms 2ms loss 1%", "100000 delay 20ms 2ms loss 1%"]


@pytest.mark.parametrize("section", [{"latency": 5}, {"loss": 0.1}])
def test_packets_are_delayed_or_lost_without_a_limit_of_bandwidth(section):
    lines = [*outbound(describe(section, 2), 0, HOSTS[:2])]
    assert sum("netem" in line for line in lines) == 1
