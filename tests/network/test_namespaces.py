"""Breaks when real links are not those of section NETWORK, or a run over them differs."""

import json
import os
import socket
import threading
import time

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.network import namespaces
from decentralizepy.network.description import describe
from decentralizepy.network.namespaces import Namespaces, host, require, within
from decentralizepy.runs.experiment import Experiment
from tests.support.alike import assert_same_weights
from tests.support.launcher import debug, run
from tests.support.namespaces import usable

BANDWIDTH = {"bandwidth": "0.4"}  # 50 kB/s
NODES = 8
TRIES = 5


@pytest.fixture
def root():
    if reason := usable():
        pytest.skip(reason)


def transferred(spaces, flows, size):
    """Return the seconds until ``size`` bytes have arrived over each of the flows."""
    ends, arrived = [], []
    for source, target in flows:
        place = spaces.hosts[target], 0
        server = within(
            spaces.of(target), lambda place=place: socket.create_server(place)
        )
        there = server.getsockname()
        sender = within(
            spaces.of(source), lambda there=there: socket.create_connection(there)
        )
        ends.append((sender, server.accept()[0]))
        server.close()

    def take(receiver):
        left = size
        while left:
            left -= len(receiver.recv(min(left, 1 << 16)))
        arrived.append(time.monotonic())

    threads = [threading.Thread(target=take, args=[end]) for _, end in ends]
    threads += [
        threading.Thread(target=end.sendall, args=[bytes(size)]) for end, _ in ends
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for end in (each for pair in ends for each in pair):
        end.close()
    return max(arrived) - begun


@pytest.mark.root
@pytest.mark.slow
def test_eight_nodes_transfer_at_the_rates_of_the_description(root):
    """One flow per link, seven into one, and seven out of one; 2.5 s each.

    Never faster; slower only while other processes keep this one from its core.
    """
    rate = 4e6 / 8  # bytes per second
    pairs = [(each, each + 1) for each in range(0, NODES, 2)]
    into = [(each, 0) for each in range(1, NODES)]
    out = [(0, each) for each in range(1, NODES)]
    with Namespaces(describe({"bandwidth": 4}, NODES)) as spaces:
        for flows, size in ((pairs, 1_260_000), (into, 180_000), (out, 180_000)):
            expected = size * (1 if flows is pairs else len(flows)) / rate
            for _ in range(TRIES):
                took = transferred(spaces, flows, size)
                assert took > 0.95 * expected
                if took < 1.05 * expected:
                    break
            else:
                raise AssertionError(f"{took} s, but {expected} s were expected")


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.processes
def test_a_run_over_real_links_has_the_same_bits_and_takes_their_time(
    root, experiment, tmp_path
):
    assert debug(experiment(rounds=3, name="plain")) == 0
    words = experiment(rounds=3, name="real", NETWORK=BANDWIDTH)
    done = run([*words, "--network", "real"])
    assert done.returncode == 0, done.stderr
    assert_same_weights(tmp_path / "real/weights", tmp_path / "plain/weights")
    found = json.loads((tmp_path / "real/0_results.json").read_text())
    sent = found["total_bytes"]["3"] - found["total_bytes"]["1"]
    # at least; other processes may take longer. The first 4 ms of each burst are free
    assert found["time"]["3"] - found["time"]["1"] > 0.9 * sent / 50e3
    assert found["virtual_time"]["3"] > 0.9 * sent / 50e3


@pytest.mark.parametrize(
    ("flags", "section", "line"),
    [
        ([], None, "--network real: expected a section [NETWORK]"),
        (["-ms", "2"], {}, "--network real: all nodes run on one machine"),
        (["--engine", "packed"], {}, "--network real: nodes of one process have no"),
        ([], {"sharing": "fifo"}, "[NETWORK] sharing = fifo: TCP shares links among"),
    ],
)
def test_what_cannot_be_real_is_told_before_the_start(experiment, flags, section, line):
    sections = {} if section is None else {"NETWORK": {**BANDWIDTH, **section}}
    words = [*experiment(**sections)[4:], "--network", "real", *flags]
    with pytest.raises(ConfigError) as error:
        Experiment.load(words)
    assert line in str(error.value)


def test_what_a_machine_lacks_is_named(monkeypatch):
    network = describe({"bandwidth": 4, "latency": 3}, 2)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ConfigError, match="--network real: needs root"):
        require(network)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(namespaces, "has", lambda kind: kind != "netem")
    monkeypatch.setattr("shutil.which", lambda name: None if name == "tc" else name)
    with pytest.raises(ConfigError, match="needs tc: apt-get install iproute2"):
        require(network)
    monkeypatch.setattr("shutil.which", lambda name: name)
    with pytest.raises(
        ConfigError, match="no sch_netem, which delays and loses packets"
    ):
        require(network)
    require(describe({"bandwidth": 4}, 2))
    monkeypatch.setattr(namespaces, "has", lambda kind: False)
    with pytest.raises(ConfigError, match="no sch_htb and sch_tbf and cls_u32, which"):
        require(describe({"bandwidth": 4}, 2))


def test_each_end_has_an_address_of_its_own():
    found = [host(place) for place in range(namespaces.WIDEST)]
    assert len({*found}) == namespaces.WIDEST
    assert found[0] == "10.203.0.1"
    assert found[250] == "10.203.1.1"
