"""Breaks when the joules of nodes are not those of what they computed, sent and received."""

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.network.description import describe
from decentralizepy.network.energy import consumed, read_phones

MB = 10**6
#: node 0 sends 2 MB to node 1, and waits for 1 MB of it
RECORDS = {
    0: [
        (1, [["compute", 2.0], ["send", [1], 2 * MB, "D", 0], ["await", [1], "D", 0]]),
        (2, [["compute", 3.0]]),
    ],
    1: [(1, [["compute", 5.0], ["send", [0], MB, "D", 0], ["await", [0], "D", 0]])],
}
RADIO = {"sent_joules_per_mb": 7, "received_joules_per_mb": 10}
# with a byte order mark and CRLF, as the published file has
PHONES = (
    "\ufeffDevice Name,Max Power consumption (W),Energy (Wh)\r\nA,5,0.5\r\nB,9,0.25\r\n"
)


def test_a_model_of_power_counts_computing_and_bytes():
    measured = consumed(RECORDS, describe({"watts": 3, **RADIO}, 2))
    assert measured == {0: {1: 6 + 14 + 10, 2: 30 + 9}, 1: {1: 15 + 7 + 20}}
    constant = consumed(RECORDS, describe({"watts": 3, "compute": 2}, 2))
    assert constant == {0: {1: 6, 2: 12}, 1: {1: 6}}


def test_a_node_that_is_down_consumes_nothing():
    records = {
        0: [(1, [["idle", 0.0], ["await", [], "D", 0]]), (2, [["compute", 3.0]])]
    }
    assert consumed(records, describe({"watts": 3, "compute": 2}, 1)) == {
        0: {1: 0, 2: 6}
    }


def test_a_trace_of_phones_says_what_a_round_takes(tmp_path):
    path = tmp_path / "phones.csv"
    path.write_bytes(PHONES.encode())
    assert read_phones(path) == [1800, 900]
    network = describe({"phones_file": str(path), "sent_joules_per_mb": 7}, 3)
    assert network.energy.a_round.tolist() == [1800, 900, 1800]  # in turn
    assert consumed(RECORDS, network) == {0: {1: 1814, 2: 3614}, 1: {1: 907}}


def test_a_file_that_is_no_trace_of_phones_is_refused(tmp_path):
    path = tmp_path / "phones.csv"
    for text, cause in (
        ("Device Name,Energy\nA,1\n", "has no phone with a column"),
        ("Device Name,Energy (Wh)\nA,much\n", "expected a number for each phone"),
        ("Device Name,Energy (Wh)\nA,-1\n", "expected no negative number"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match="phones_file") as error:
            describe({"phones_file": str(path)}, 2)
        assert cause in str(error.value)
    with pytest.raises(ConfigError, match="given together with watts"):
        describe({"phones_file": str(path), "watts": 3}, 2)
    assert describe({"watts": 0}, 2).energy is not None
    assert describe({}, 2).energy is None
