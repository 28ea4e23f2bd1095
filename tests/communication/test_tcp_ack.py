"""Upstream's acknowledged transport; breaks when an INI file that names it runs otherwise."""

import inspect
import json

import pytest
import torch

from decentralizepy.communication.TCP import TCP
from decentralizepy.communication.TCP_ACK import TCP as TCP_ACK
from decentralizepy.config import checks
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode
from tests.support.networks import make_config, run_threads
from tests.support.ports import free_offset

NODES, ROUNDS = 3, 3
METRICS = ("train_loss", "test_loss", "test_acc", "total_bytes", "total_meta")


@pytest.fixture
def section(tmp_path):
    """Return section COMMUNICATION as an INI file written for upstream has it."""
    path = tmp_path / "ip.json"
    path.write_text(json.dumps({"0": "localhost"}))
    return {
        "comm_package": "decentralizepy.communication.TCP_ACK",
        "comm_class": "TCP",
        "addresses_filepath": str(path),
        "offset": free_offset(2 * NODES),
        "recv_timeout": 50,
    }


def run(folder, section):
    """Return the final models of a ring of three nodes, and their results."""
    folder.mkdir()
    config = make_config(Ring(NODES), {})
    config["COMMUNICATION"] = section
    mapping, log_dir = Linear(1, NODES), str(folder)

    def build(uid):
        arguments = (uid, 0, mapping, Ring(NODES), config, ROUNDS, log_dir, log_dir)
        return DPSGDNode(*arguments, test_after=1)

    nodes = run_threads(build, range(NODES))
    files = [folder / f"{uid}_results.json" for uid in range(NODES)]
    tables = [json.loads(file.read_text()) for file in files]
    results = [{name: table[name] for name in METRICS} for table in tables]
    return [nodes[uid].model.state_dict() for uid in range(NODES)], results


def test_its_options_are_those_of_tcp(section):
    config = make_config(Ring(NODES), {})
    config["COMMUNICATION"] = section
    checks.check(config, "config.ini")
    assert list(inspect.signature(TCP_ACK).parameters)[:7] == [
        *("rank", "machine_id", "mapping", "total_procs"),
        *("addresses_filepath", "offset", "recv_timeout"),
    ]
    assert issubclass(TCP_ACK, TCP)


def test_a_network_learns_the_same_to_the_bit(section, tmp_path):
    acknowledged, results = run(tmp_path / "ack", section)
    plain = section | {"comm_package": "decentralizepy.communication.TCP"}
    models, expected = run(tmp_path / "tcp", plain)
    for ours, theirs in zip(acknowledged, models, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert results == expected
    assert results[0]["total_bytes"]["3"] > 0


def test_a_peer_that_starts_late_gets_each_message_once(section):
    options = {key: section[key] for key in ("addresses_filepath", "offset")}
    ends = [TCP_ACK(0, 0, Linear(1, 2), 2, **options)]
    try:
        ends[0].init_connection(1)
        for number in range(5):
            ends[0].send(1, {"CHANNEL": "CONNECT", "HELLO": number})
        ends[0].receive(block=False)  # time goes by
        ends.append(TCP_ACK(1, 0, Linear(1, 2), 2, **options))
        numbers = [ends[1].receive()[1]["HELLO"] for _ in range(5)]
        assert numbers == [0, 1, 2, 3, 4]
        for _ in range(20):  # in which the sender sees the answers, and asks no more
            assert ends[0].receive(block=False) is None
            assert ends[1].receive(block=False) is None
    finally:
        for end in ends:
            end.terminate()
