"""Breaks when the virtual time of rounds is not that of what their nodes did."""

import numpy as np
import pytest

from decentralizepy.network.description import describe
from decentralizepy.network.replay import replay

MB = 10**6


def lockstep(nodes, rounds, size=MB, computed=0.25):
    """Return the records of nodes that all exchange models in every round."""
    others = {uid: [n for n in range(nodes) if n != uid] for uid in range(nodes)}
    return {
        uid: [
            (
                number + 1,
                [
                    ["compute", computed],
                    ["send", others[uid], size, "DPSGD", number],
                    ["await", others[uid], "DPSGD", number],
                    ["compute", 0.0],
                ],
            )
            for number in range(rounds)
        ]
        for uid in others
    }


def test_a_round_takes_computing_sending_and_the_latency():
    network = describe({"latency": 20, "bandwidth": 8, "compute": 3}, 2)
    # 3 s, 1 MB at 1 MB/s, 20 ms
    expected = {1: 4.02, 2: 8.04}
    times = replay(lockstep(2, 2), network)
    assert times == {0: pytest.approx(expected), 1: pytest.approx(expected)}


def test_several_messages_of_a_node_share_its_link():
    network = describe({"latency": 20, "bandwidth": 8, "compute": 3}, 5)
    times = replay(lockstep(5, 1), network)  # 4 MB at 1 MB/s
    assert [times[uid][1] for uid in range(5)] == pytest.approx([7.02] * 5)


def test_an_idle_round_takes_no_time_to_compute():
    """Node 1 is idle in round 1, and sends no earlier than node 0 has got to round 2."""
    network = describe({"latency": 500, "compute": 3}, 2)
    records = {
        0: [
            (1, [["send", [1], 0, "DPSGD", 0]]),
            (2, [["send", [1], MB, "DPSGD", 1], ["await", [1], "DPSGD", 1]]),
        ],
        1: [
            (1, [["idle", 0.0], ["await", [0], "DPSGD", 0]]),
            (2, [["send", [0], MB, "DPSGD", 1], ["await", [0], "DPSGD", 1]]),
        ],
    }
    times = replay(records, network)
    assert times == {0: {1: 3, 2: 3.5 + 3 + 0.5}, 1: {1: 3.5, 2: 6.5}}


def test_fifo_delivers_one_after_another():
    network = describe({"bandwidth": 8, "sharing": "fifo"}, 3)
    records = {
        0: [(1, [["send", [1, 2], MB, "DPSGD", 0]])],
        1: [(1, [["await", [0], "DPSGD", 0]])],
        2: [(1, [["await", [0], "DPSGD", 0]])],
    }
    assert replay(records, network) == {0: {1: 0}, 1: {1: 1}, 2: {1: 2}}


def test_computing_takes_what_was_measured_or_what_a_file_says(tmp_path):
    free = describe({}, 2)
    assert replay(lockstep(2, 2), free)[0] == {1: 0.25, 2: 0.5}
    (tmp_path / "compute.csv").write_text("seconds\n1\n5\n")
    slow = describe({"compute_file": tmp_path / "compute.csv"}, 2)
    assert replay(lockstep(2, 2), slow) == {0: {1: 5, 2: 10}, 1: {1: 5, 2: 10}}


def test_an_asymmetric_matrix_is_from_row_to_column(tmp_path):
    (tmp_path / "latency.csv").write_text("0,1000\n3000,0\n")
    network = describe({"latency_file": tmp_path / "latency.csv", "compute": 0}, 2)
    assert replay(lockstep(2, 1), network) == {0: {1: 3}, 1: {1: 1}}


def test_a_round_whose_message_was_never_sent_has_no_time():
    records = lockstep(3, 3)
    del records[2][1:]  # node 2 died in its second round
    times = replay(records, describe({"compute": 1}, 3))
    assert times == {0: {1: 1}, 1: {1: 1}, 2: {1: 1}}


def test_a_server_waits_for_its_clients(tmp_path):
    """1 s down to both, 2 s of training, 1 s up from both: the server's link is shared."""
    network = describe({"bandwidth": 16, "compute": 2}, 2, services=1)
    records = {
        -1: [
            (
                1,
                [
                    ["send", [0, 1], MB, "WORKER_REQUEST", 0],
                    ["await", [0, 1], "DPSGD", 0],
                ],
            )
        ],
        **{
            uid: [
                (
                    1,
                    [
                        ["await", [-1], "WORKER_REQUEST", 0],
                        ["compute", 0.1],
                        ["send", [-1], MB, "DPSGD", 0],
                    ],
                )
            ]
            for uid in range(2)
        },
    }
    times = replay(records, network)
    assert times == {-1: {1: 4}, 0: {1: 3}, 1: {1: 3}}


def test_jitter_is_repeatable_and_bounded():
    section = {"latency": 100, "jitter": 50, "compute": 0}
    one, again, other = (
        replay(lockstep(2, 20), describe(section, 2, seed=seed)) for seed in (1, 1, 2)
    )
    assert one == again != other
    mean = np.array([*one[0].values()]) / np.arange(1, 21)
    assert mean.min() >= 0.05
    assert mean.max() <= 0.15
    assert mean.std() > 0


def test_loss_costs_bytes_and_slows_long_connections():
    lossy = describe({"bandwidth": 8, "loss": 0.2, "compute": 0}, 2)
    assert replay(lockstep(2, 1), lossy)[0] == {1: pytest.approx(1.25)}
    # Mathis: 1460 bytes / 0.2 s * sqrt(1.5 / 0.0015) = 230.8 kB/s
    slow = describe(
        {"bandwidth": 8000, "loss": 0.0015, "latency": 100, "compute": 0}, 2
    )
    expected = 0.1 + MB / (1 - 0.0015) / (1460 / 0.2 * 1000**0.5)
    assert replay(lockstep(2, 1), slow)[0] == {1: pytest.approx(expected)}
