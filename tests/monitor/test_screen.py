import io
import json
import math
import os
import re
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from rich.console import Console

from decentralizepy.monitor import tally
from decentralizepy.monitor.progress import Progress
from decentralizepy.monitor.screen import Screen
from decentralizepy.monitor.units import byte_unit
from decentralizepy.monitor.waiting import Locator, Waiting, read_waiting
from decentralizepy.node.notice import Notice
from decentralizepy.results.schedule import Evaluators
from decentralizepy.results.write import write_final


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def append(folder, rank, *records):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{rank}_results.jsonl", "a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def text(renderable, width=80):
    console = Console(width=width, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def three(tmp_path, clock):
    """Three nodes: round 2 tested by all, node 2 one round behind the others."""
    folder = tmp_path / "ring" / "machine0"
    for rank, (accuracy, loss) in enumerate([(40.0, 2.0), (60.0, 1.0), (50.0, 1.5)]):
        append(
            folder,
            rank,
            {"round": 1, "time": 2.0, "total_bytes": 1000, "total_meta": 10},
            {
                "round": 2,
                "time": 4.0,
                "test_acc": accuracy,
                "test_loss": loss,
                "train_loss": loss / 2,
                "total_bytes": 2000,
                "total_meta": 20,
            },
        )
    for rank in (0, 1):
        append(folder, rank, {"round": 3, "time": 5.0, "total_bytes": 3000})
    progress = Progress(folder, [0, 1, 2], 10, clock)
    progress.poll()
    return progress


def test_the_table_names_the_data_if_the_run_did(three):
    assert "data set" not in text(three.summary([]))
    content = {"class": "CIFAR10", "generated": True}
    (three.log_dir / "dataset.json").write_text(json.dumps(content))
    assert re.search(r"data set │ CIFAR10 \(generated\)", text(three.summary([])))


def test_rounds_are_those_of_the_slowest_and_of_half(three):
    assert three.finished == {0: 3, 1: 3, 2: 2}
    assert (three.slowest, three.median) == (2, 3)


def test_accuracy_names_its_round_and_the_worst_node(three):
    seen = three.accuracy
    assert (seen.round, seen.nodes, seen.lowest) == (2, 3, 0)
    assert (seen.mean, seen.low, seen.high) == (50.0, 40.0, 60.0)
    assert seen.std == pytest.approx(math.sqrt(200 / 3))
    assert (three.test_loss.mean, three.train_loss.mean) == (1.5, 0.75)


def test_bytes_are_summed_over_nodes(three):
    assert (three.total_bytes, three.total_meta) == (8000, 60)
    assert three.bytes_per_round == 3000


def test_nothing_is_known_before_the_first_round(tmp_path):
    progress = Progress(tmp_path / "not_there", [0, 1], 10)
    progress.poll()
    assert (progress.slowest, progress.median, progress.total_bytes) == (0, 0, 0)
    assert progress.accuracy is None
    assert progress.remaining is None
    assert "0/10" in text(progress.render(2))


def test_remaining_time_follows_the_slowest_and_runs_down(three, clock):
    # node 2 took 4 s for 2 rounds and has 8 to go
    assert three.remaining == 16
    clock.now = 3
    assert three.remaining == 13
    clock.now = 15.5  # "0s left" would stand until the run ends
    assert three.remaining is None
    assert "left" not in three.line(3)


def test_only_what_was_appended_is_read(three, monkeypatch):
    opened = []

    def spy(path, mode):
        opened.append(Path(path).name)
        return open(path, mode)

    monkeypatch.setattr(tally, "open", spy, raising=False)
    three.poll()
    assert opened == []
    append(three.log_dir, 2, {"round": 3, "total_bytes": 3000})
    three.poll()
    assert opened == ["2_results.jsonl"]
    assert three.slowest == 3


@given(cuts=st.lists(st.integers(0, 400), max_size=6))
def test_lines_may_be_half_written(tmp_path_factory, cuts):
    """Wherever the writer was interrupted, the same numbers come out in the end."""
    folder = tmp_path_factory.mktemp("log")
    lines = "".join(
        json.dumps({"round": n, "test_acc": 10.0 * n, "total_bytes": 100 * n}) + "\n"
        for n in range(1, 8)
    )
    progress = Progress(folder, [0], 10)
    for cut in sorted(cuts):
        (folder / "0_results.jsonl").write_text(lines[:cut])
        progress.poll()
        assert progress.slowest == lines[:cut].count("\n")
    (folder / "0_results.jsonl").write_text(lines)
    progress.poll()
    assert (progress.slowest, progress.total_bytes) == (7, 700)
    assert progress.accuracy.mean == 70


def test_lines_that_are_no_records_are_passed_over(tmp_path):
    (tmp_path / "0_results.jsonl").write_text('garbage\n[1]\n{"a": 1}\n{"round": 1}\n')
    progress = Progress(tmp_path, [0], 10)
    progress.poll()
    assert progress.slowest == 1


def test_a_file_that_was_begun_anew_replaces_the_old_one(three):
    (three.log_dir / "0_results.jsonl").write_text('{"round": 1, "total_bytes": 7}\n')
    three.poll()
    assert three.finished[0] == 1
    assert three.total_bytes == 5007
    assert three.accuracy.nodes == 2


def share(folder, *records):
    with open(folder / "results.jsonl", "a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def test_nodes_that_share_a_file_are_told_apart(tmp_path):
    progress = Progress(tmp_path, [0, 1], 10, Clock())
    rows = [{"rank": rank, "kept": 0} for rank in (0, 1, 5)]
    rows += [{"rank": 0, "round": 1, "test_acc": 40.0, "total_bytes": 3}]
    rows += [{"rank": 1, "round": 1, "test_acc": 60.0, "total_bytes": 4}]
    share(tmp_path, *rows)
    with open(tmp_path / "results.jsonl", "a") as file:
        file.write('\n{"rank": 0, "rou')  # of a worker that was killed
    progress.poll()
    assert (progress.slowest, progress.total_bytes) == (1, 7)
    assert (progress.accuracy.mean, progress.accuracy.nodes) == (50.0, 2)
    with open(tmp_path / "results.jsonl", "a") as file:
        file.write("\n")
    share(tmp_path, {"rank": 0, "round": 2}, {"rank": 1, "round": 3})
    progress.poll()
    assert progress.finished == {0: 2, 1: 3}


def test_rounds_that_are_done_again_are_forgotten(tmp_path):
    """All nodes restart after round 1, which they had tested; round 2 is no more."""
    progress = Progress(tmp_path, [0, 1], 10, Clock())
    for number in (1, 2):
        share(tmp_path, {"rank": 0, "round": number, "test_acc": 10.0 * number})
    progress.poll()
    assert progress.accuracy.round == 2
    share(tmp_path, {"rank": 0, "kept": 1}, {"rank": 1, "kept": 1})
    progress.poll()
    assert progress.finished == {0: 1, 1: 0}
    assert progress.accuracy is None
    share(tmp_path, {"rank": 0, "round": 2, "test_acc": 30.0})
    progress.poll()
    assert progress.accuracy.mean == 30.0


def test_a_loss_that_was_not_finite_shows(tmp_path):
    append(tmp_path, 0, {"round": 1, "test_loss": None, "test_acc": 10.0})
    append(tmp_path, 1, {"round": 1, "test_loss": 2.0, "test_acc": 30.0})
    progress = Progress(tmp_path, [0, 1], 10)
    progress.poll()
    assert math.isnan(progress.test_loss.mean)
    assert (progress.test_loss.low, progress.test_loss.lowest) == (2.0, 1)
    assert "test nan" in progress.line(2)


def test_an_evaluation_counts_when_half_of_the_nodes_have_made_it(tmp_path):
    progress = Progress(tmp_path, [0, 1, 2, 3], 10)
    for rank in range(4):
        append(tmp_path, rank, {"round": 1, "test_acc": 10.0})
    append(tmp_path, 0, {"round": 2, "test_acc": 90.0})
    progress.poll()
    assert (progress.accuracy.round, progress.evaluated) == (1, 1)
    append(tmp_path, 1, {"round": 2, "test_acc": 70.0})
    progress.poll()
    assert (progress.accuracy.round, progress.accuracy.nodes) == (2, 2)
    assert progress.accuracy.mean == 80
    assert progress.evaluated == 0  # not complete; the older one is forgotten


def test_the_mean_accuracies_of_earlier_evaluations_stay_in_view(tmp_path):
    """The last six, each with what all nodes had reported when the next one came."""
    progress = Progress(tmp_path, [0, 1], 100, Clock())
    for number in range(5, 50, 5):
        for rank in (0, 1):
            row = {"round": number, "test_acc": number + rank}
            append(tmp_path, rank, row)
            progress.poll()
    row = "15.5   20.5   25.5   30.5   35.5   40.5   since round 15"
    assert re.search(rf"earlier +{re.escape(row)}", text(progress.render(2)))
    (tmp_path / "0_results.jsonl").write_text("")  # begun anew
    progress.poll()
    assert "earlier" not in text(progress.render(2))


def test_the_worst_nodes_have_rows_on_request(three):
    assert "worst" not in text(three.render(3))
    three.worst = 2
    shown = text(three.render(3))
    assert re.search(r"worst +node 0   40.0%   round 3", shown)
    assert re.search(r"worst +node 2   50.0%   round 2", shown)
    assert "node 1 " not in shown


def test_the_start_tells_how_many_nodes_have_passed_the_barrier(tmp_path):
    """A node then makes its file anew; one of an earlier run does not count."""
    for rank in range(4):
        append(tmp_path, rank)
        os.utime(tmp_path / f"{rank}_results.jsonl", (1, 1))
    progress = Progress(tmp_path, [-1, 0, 1, 2, 3], 10, Clock())
    progress.poll()
    assert re.search(r"start +0 of 4 nodes", text(progress.render(5)))
    for rank in (1, 2):
        os.utime(tmp_path / f"{rank}_results.jsonl")
    progress.poll()
    assert re.search(r"start +2 of 4 nodes", text(progress.render(5)))
    share(tmp_path, {"rank": 0, "kept": 0}, {"rank": 3, "kept": 0})
    progress.poll()
    assert not re.search(r"start +\d", text(progress.render(5)))


@pytest.mark.parametrize(
    ("sections", "flags", "told"),
    [
        (
            {"GRAPH": {"graph_class": "Ring"}, "NODE": {"node_class": "EL_Local"}},
            {"procs_per_machine": [16], "machines": 1},
            "Digits, JWINS, EL_Local, Ring, 16 nodes",
        ),
        (
            {},
            {"procs_per_machine": [2], "machines": 3, "graph_file": "/a/96[x].edges"},
            "Digits, JWINS, 96[x].edges, 6 nodes",
        ),
        ({}, {"procs_per_machine": [4, 8], "machines": 2}, "Digits, JWINS, 12 nodes"),
    ],
)
def test_the_head_says_which_experiment_it_is(three, sections, flags, told):
    assert not re.search(r"run +\S", text(three.render(3)))
    named = {
        "DATASET": {"dataset_class": "Digits"},
        "SHARING": {"sharing_class": "JWINS"},
    }
    content = {"configuration": {**named, **sections}, "flags": flags}
    (three.log_dir / "manifest.json").write_text(json.dumps(content))
    assert re.search(rf"run +{re.escape(told)}", text(three.render(3)))
    assert re.search(rf"run +│ {re.escape(told)}", text(three.summary([])))


def test_a_parameter_server_counts_the_rounds(tmp_path):
    """Its clients report only the rounds that they were chosen for."""
    append(tmp_path, -1, {"round": 5, "test_acc": 33.0, "time": 10.0})
    append(tmp_path, 0, {"round": 2, "total_bytes": 5})
    progress = Progress(tmp_path, [-1, 0, 1], 10, Clock())
    progress.poll()
    assert (progress.slowest, progress.median, progress.remaining) == (5, 5, 10)
    assert progress.accuracy.lowest == -1


def test_a_silent_service_does_not_hold_the_rounds_at_zero(tmp_path):
    append(tmp_path, 0, {"round": 4})
    progress = Progress(tmp_path, [-1, 0], 10)
    progress.poll()
    assert progress.slowest == 4


def test_the_view_says_it_all_in_a_screen_of_80_columns(three, clock):
    clock.now = 6
    shown = text(three.render(2))
    for part in (
        "ring/machine0",
        "2/10   20%   median 3",
        "50.0%   min 40.0 (node 0)   max 60.0   round 2, nodes: 3",
        "train 0.7500   test 1.500",
        "7.81 KiB   2.93 KiB/round   data 99.25%   metadata 0.75%",
        "alive     2/3",
        "6s elapsed   2 s/round   10s left",
    ):
        assert part in shown
    assert all(line.startswith(("│", "╭", "╰")) for line in shown.splitlines())


def test_accuracy_tells_of_how_many_nodes_it_is(three):
    rows = [{"round": 4, "test_acc": 10.0 + rank} for rank in (0, 1)]
    for rank, row in enumerate(rows):
        append(three.log_dir, rank, row)
    three.poll()
    assert "round 4, nodes: 2 of 3" in text(three.render(3))


def test_a_sample_of_nodes_is_complete_when_all_that_were_drawn_have_tested(tmp_path):
    """Others test in the next round, of whom nobody knows before."""
    evaluators = Evaluators(2, 6, seed=1)
    progress = Progress(tmp_path, [*range(6)], 20, Clock(), evaluators=evaluators)
    for number in (5, 10, 15):
        for uid in range(6):
            if evaluators.include(uid, number - 1):
                assert progress.evaluated < number
                append(tmp_path, uid, {"round": number, "test_acc": 10.0 + number})
                progress.poll()
        assert progress.evaluated == number
    seen = progress.accuracy
    assert (seen.round, seen.nodes, seen.mean) == (15, 2, 25.0)
    assert "25.0% (25.0 to 25.0) in round 15, 2 of 6 nodes" in progress.line(6)
    assert "round 15, nodes: 2 of 6" in text(progress.render(6))


def test_if_the_mean_model_is_tested_it_stands_in_place_of_the_nodes(tmp_path):
    evaluators = Evaluators("mean_model", 3)
    progress = Progress(tmp_path, [0, 1, 2], 20, Clock(), evaluators=evaluators)
    progress.poll()
    assert re.search(r"mean model +not yet", text(progress.render(3)))
    for number in (5, 10):
        earlier = {"mean_model_acc": {"5": 40.0}} if number > 5 else {}
        measured = {"mean_model_acc": 8.0 * number, "consensus_distance": 0.25}
        write_final(tmp_path, number, measured, earlier=earlier)
    progress.poll()
    shown = text(progress.render(3))
    assert re.search(r"mean model +80.0%   distance 0.25   round 10", shown)
    assert "accuracy" not in shown
    assert "mean model 80.0% in round 10" in progress.line(3)
    assert progress.evaluated == 10


def test_of_many_nodes_percentiles_are_shown(tmp_path):
    """0 to 100 % in steps of 0.5: the tenth part lies below 10."""
    progress = Progress(tmp_path, [*range(201)], 20, Clock())
    for rank in range(201):
        append(tmp_path, rank, {"round": 1, "test_acc": rank / 2})
    progress.poll()
    row = "min 0.0 (node 0)   p10 10.0   p50 50.0   p90 90.0   max 100.0"
    assert re.search(rf"spread +{re.escape(row)}", text(progress.render(201)))
    assert re.search(rf"spread +│ {re.escape(row)}", text(progress.summary([])))


def test_that_of_a_server_is_of_one(tmp_path):
    append(tmp_path, -1, {"round": 5, "test_acc": 33.0})
    progress = Progress(tmp_path, [-1, 0, 1], 20)
    progress.poll()
    assert "round 5, nodes: 1 " in text(progress.render(3))


def test_nodes_that_have_ended_are_not_counted_as_lost(three):
    append(three.log_dir, 1, {"round": 10})
    three.poll()
    assert "; 2/3 alive, 1 ended; " in three.line(2)
    assert "; 3/3 alive; " in three.line(3)  # it is still saying goodbye
    assert "; 1/3 alive, 1 ended; " in three.line(1)
    assert "2/3, 1 ended" in text(three.render(2))


def test_nodes_that_are_down_are_told_beside_those_alive(three):
    """Those whose newest row says so; a service is no node."""
    progress = Progress(three.log_dir, [-1, 0, 1, 2], 10, Clock())
    progress.poll()
    assert "down" not in progress.line(4) + text(progress.render(4))
    append(three.log_dir, 0, {"round": 4, "down": True})
    append(three.log_dir, 1, {"round": 4, "down": True}, {"round": 5})
    append(three.log_dir, 2, {"round": 3, "lost_messages": 2})
    progress.poll()
    assert "; 4/4 alive, 1 of 3 down; " in progress.line(4)
    assert "4/4, 1 of 3 down" in text(progress.render(4))
    append(three.log_dir, 0, {"round": 10, "down": True})
    append(three.log_dir, 2, {"round": 4, "down": True})
    progress.poll()
    assert "; 3/4 alive, 1 ended, 1 of 3 down; " in progress.line(3)
    told = "nodes down in 4 of 19 node-rounds, 2 messages lost"
    assert re.search(rf"churn +│ {told}", text(progress.summary([])))


def test_churn_of_rounds_that_are_done_again_counts_once(tmp_path):
    progress = Progress(tmp_path, [0], 10, Clock())
    share(tmp_path, {"rank": 0, "round": 1, "lost_messages": 3})
    rows = [{"rank": 0, "round": n, "down": True} for n in (2, 3)]
    share(tmp_path, *rows)
    progress.poll()
    assert len(progress.churn.down) == 1
    share(tmp_path, {"rank": 0, "kept": 2})
    progress.poll()
    assert progress.churn.down == set()
    told = "nodes down in 1 of 2 node-rounds, 3 messages lost"
    assert told in text(progress.summary([]))


def test_the_time_of_a_run_ends_before_its_figures_are_drawn(three, clock):
    with Screen(three, Console(file=io.StringIO())):
        clock.now = 65
    clock.now = 300
    assert re.search(r"time +│ 1m05s", text(three.summary([])))


def test_the_view_does_not_grow_with_the_nodes(tmp_path, three):
    many = Progress(tmp_path, list(range(1000)), 10)
    for rank in range(1000):
        append(tmp_path, rank, {"round": 1, "test_acc": 10.0, "test_loss": 1.0})
    many.poll()
    few = len(text(three.render(3)).splitlines())
    assert len(text(many.render(1000)).splitlines()) == few + 1  # percentiles


def test_a_plain_line_holds_the_same(three, clock):
    clock.now = 6
    assert three.line(3) == (
        "round 2/10 (median 3); accuracy 50.0% (40.0 to 60.0) in round 2; "
        "loss train 0.7500, test 1.500; 7.81 KiB sent; 3/3 alive; "
        "6s elapsed, 2 s/round, 10s left"
    )


def test_the_summary_reads_the_last_rounds_and_gathers_files(three, clock):
    clock.now = 3725
    append(three.log_dir, 2, {"round": 3, "total_bytes": 3000, "total_meta": 20})
    files = [three.log_dir / f"{rank}_results.json" for rank in (-1, 0, 1)]
    shown = text(three.summary([*files, three.log_dir / "[x].png", "/other/graph"]))
    for part in (
        "3 of 10",
        "1h02m",
        "50.0 ± 8.2%   min 40.0 (node 0)   max 60.0",
        "2.93 KiB per node   8.79 KiB in total",
        "data 99.33%   metadata 0.67%",
        "<rank>_results.json (3 files)",
        "[x].png",
        "/other/graph",
    ):
        assert part in shown


@pytest.mark.parametrize(
    ("count", "unit"),
    [
        (0, "B"),
        (1023, "B"),
        (1024, "KiB"),
        (2**20 - 1, "KiB"),
        (2**20, "MiB"),
        (3 * 2**30, "GiB"),
        (2**99, "PiB"),
    ],
)
def test_bytes_are_counted_in_a_unit_that_suits(count, unit):
    assert byte_unit(count)[1] == unit


def waits(folder, rank, slowest, wait, rounds=20, seconds=1.0):
    """Write rounds of ``seconds`` in which a node waited ``wait`` for ``slowest``."""
    for number in range(1, rounds + 1):
        row = {"round": number, "time": seconds * number}
        append(folder, rank, {**row, "wait": wait, "slowest": slowest})


def ring_with_a_slow_node(folder):
    """Six nodes: 3 is slow, and each other waits for its neighbor on the way there."""
    for rank, slowest in enumerate([1, 2, 3, 2, 3, 4]):
        waits(folder, rank, slowest, 0.01 if rank == 3 else 0.8)


def test_the_node_that_all_wait_for_is_named_through_those_between(tmp_path, clock):
    """Breaks when the neighbors of a slow node, which wait themselves, are blamed."""
    ring_with_a_slow_node(tmp_path)
    progress = Progress(tmp_path, list(range(6)), 20, clock)
    told = "3 (others waited 0.8 s per round)"
    shown = text(progress.summary([]))
    assert re.search(rf"slowest │ {re.escape(told)}", shown)
    assert f"slowest: {told}" in progress.line(6)
    assert re.search(rf"slowest +{re.escape(told)}", text(progress.render(6)))


def test_waits_are_those_of_uids(tmp_path, clock):
    """On machine 1 rank 0 is uid 6: it waited for uid 9, which is rank 3 there."""
    for rank, slowest in enumerate([7, 8, 9, 8, 9, 10]):
        waits(tmp_path, rank, slowest, 0.01 if rank == 3 else 0.8)
    progress = Progress(tmp_path, list(range(6)), 20, clock, range(6, 12))
    progress.poll()
    assert progress.waits.recently().uid == 9


def test_a_node_of_another_machine_may_be_the_slow_one(tmp_path, clock):
    waits(tmp_path, 0, 1, 0.5)
    waits(tmp_path, 1, 7, 0.5)
    progress = Progress(tmp_path, [0, 1], 20, clock)
    progress.poll()
    assert progress.waits.overall() == (7, pytest.approx(0.5), pytest.approx(0.5))


def test_short_waits_name_nobody(tmp_path, clock):
    waits(tmp_path, 0, 1, 0.15)
    waits(tmp_path, 1, 0, 0.01)
    progress = Progress(tmp_path, [0, 1], 20, clock)
    assert "slowest" not in text(progress.summary([]))
    assert "slowest" not in progress.line(2)


def test_the_last_rounds_count_in_the_view_and_all_in_the_table(tmp_path, clock):
    waits(tmp_path, 0, 1, 0.9, rounds=100)
    for number in range(101, 112):
        row = {"round": number, "time": float(number), "wait": 0.0, "slowest": 1}
        append(tmp_path, 0, row)
    progress = Progress(tmp_path, [0], 200, clock)
    progress.poll()
    assert progress.waits.recently() is None
    assert progress.waits.overall().uid == 1


@pytest.fixture
def notice(tmp_path):
    """Return a function that leaves the notice of a node's wait; all are taken away."""
    left = []

    def notice(
        uid, missing, since=12.0, channel="DPSGD", number=20, machines=4, **more
    ):
        content = {"uid": uid, "channel": channel, "round": number}
        content |= {"since": time.monotonic() - since, "machines": machines}
        content |= {"missing": missing, **more}
        left.append(Notice(str(tmp_path), uid, content))

    yield notice
    for each in left:
        each.end()


def test_a_wait_names_those_that_hold_the_others_up(tmp_path, notice):
    assert read_waiting(tmp_path) is None
    notice(2, {1: ""})
    notice(3, {2: "", 5: "machine 1"}, since=10, number=19)
    assert str(read_waiting(tmp_path)) == "waiting for uid 1, 5 for 12 s, round 19"


def test_all_are_named_where_each_waits_for_another(tmp_path, notice):
    notice(1, {2: ""})
    notice(2, {1: ""})
    assert str(read_waiting(tmp_path)) == "waiting for uid 1, 2 for 12 s, round 20"


def test_a_node_that_is_sent_what_it_does_not_wait_for_is_named(tmp_path, notice):
    notice(1, {0: ""})
    notice(0, {3: ""}, unexpected={1: 19})
    told = "uid 1 sends to uid 0 in round 19, which does not wait for it: their get_"
    assert f"; {told}" in str(read_waiting(tmp_path))


def test_the_start_is_told_in_machines(tmp_path, notice):
    start = {"channel": "CONNECT", "number": 1}
    notice(0, {6: "machine 2 (10.99.0.3)"}, **start)
    notice(1, {5: "machine 2 (10.99.0.3)"}, **start)
    told = "start: 3 of 4 machines, waiting for machine 2 (10.99.0.3) for 12 s"
    assert str(read_waiting(tmp_path)) == told
    notice(2, {3: ""}, **start)
    assert str(read_waiting(tmp_path)) == "start: waiting for uid 3, 5, 6 for 12 s"


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"uid": 3}'])
def test_a_notice_that_is_half_written_is_passed_over(tmp_path, content, notice):
    notice(1, {2: ""})
    (tmp_path / "1.waiting").write_text(content)  # the lock is of the file, and stays
    assert read_waiting(tmp_path) is None


def test_without_a_terminal_a_wait_is_told_once_a_minute(tmp_path, clock, notice):
    progress = Progress(tmp_path, [0, 1, 2], 20, clock)
    screen = Screen(progress, Console(file=io.StringIO()), Console(file=io.StringIO()))
    notice(0, {1: ""})
    with screen:
        for clock.now in range(10, 100):
            screen.update(3)
            if clock.now == 80:
                notice(1, {2: ""})
    told = screen.errors.file.getvalue().splitlines()
    assert [line[:18] for line in told] == [
        "waiting for uid 1 ",
        "waiting for uid 1 ",
        "waiting for uid 2 ",
    ]
    assert "waiting" not in screen.console.file.getvalue()


def test_a_wait_is_told_again_once_it_is_known_where_the_peer_is(
    tmp_path, clock, notice
):
    progress = Progress(tmp_path, [0, 1, 2], 20, clock)
    progress.locator = Locator(lambda uids: "at net.py:3" if clock.now > 12 else "")
    screen = Screen(progress, Console(file=io.StringIO()), Console(file=io.StringIO()))
    notice(0, {1: ""})
    with screen:
        for clock.now in range(10, 40):
            screen.update(3)
    told = screen.errors.file.getvalue().splitlines()
    assert [line.partition("; ")[2] for line in told] == ["", "at net.py:3"]


def test_on_a_terminal_a_wait_is_a_row_of_the_view(three, notice, tmp_path):
    three.log_dir = tmp_path
    three.locator = Locator(
        lambda uids: "at [/x]"
    )  # as a path that looks like rich's markup
    notice(0, {1: ""})
    three.poll()
    assert re.search(
        r"waits +waiting for uid 1 for 12 s, round 20; at \[/x\]", text(three.render(3))
    )


def test_where_the_awaited_are_is_asked_once_a_minute_if_it_is_known():
    asked, places = [], iter(["", "uid 1 is at net.py:3", "uid 1 is at net.py:4"])

    def locate(uids):
        asked.append(uids)
        return next(places)

    locator = Locator(locate)
    waits = [
        (0, (1, 3), 1, ""),  # these wait themselves
        (1, (1, 3), 1, ""),
        (2, (1,), 1, "uid 1 is at net.py:3"),
        (9, (1,), 1, "uid 1 is at net.py:3"),
        (30, (1,), 2, ""),  # a slow node need not fill its log
        (62, (1,), 3, "uid 1 is at net.py:4"),
    ]
    for now, uids, number, place in waits:
        wait = Waiting(f"uid {uids}", 12, number, uids)
        assert locator.located(wait, now).place == place
    assert asked == [(1, 3), (1,), (1,)]


def plain(progress):
    return Screen(progress, Console(file=io.StringIO(), width=80))


def test_without_a_terminal_a_line_comes_every_five_seconds(three, clock):
    with plain(three) as screen:
        for tenths in range(101):
            clock.now = tenths / 10
            screen.update(3)
    lines = screen.console.file.getvalue().splitlines()
    assert len(lines) == 3  # at 0, 5 and 10 s, and none is wrapped at 80 columns
    assert all(line.startswith("round 2/10") for line in lines)


def test_without_a_terminal_an_evaluation_is_shown_at_once(three, clock):
    with plain(three) as screen:
        screen.update(3)
        for rank in range(3):
            append(three.log_dir, rank, {"round": 4, "test_acc": 70.0})
        clock.now = 0.9
        screen.update(3)
        clock.now = 1.1
        screen.update(3)
        screen.update(3)
    lines = screen.console.file.getvalue().splitlines()
    assert len(lines) == 2
    assert "in round 4" in lines[1]


def test_on_a_terminal_the_view_is_drawn_at_most_twice_a_second(three, clock):
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    drawn = []
    render = three.render
    three.render = lambda alive: drawn.append(clock.now) or render(alive)
    with Screen(three, console) as screen:
        drawn.clear()
        before = threading.active_count()
        for tenths in range(21):
            clock.now = tenths / 10
            screen.update(2)
        assert threading.active_count() == before
        assert drawn == [0, 0.5, 1, 1.5, 2]
        screen.message("node 2 [died]")
    shown = console.file.getvalue()
    assert "node 2 [died]" in shown
    assert "[/]" not in shown  # markup of the view, as it was drawn below


def test_after_an_error_the_view_stays(three):
    """A finished run's gives way to the summary, a broken run's is evidence."""
    erase = "\x1b[2K"
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with pytest.raises(KeyboardInterrupt), Screen(three, console):
        raise KeyboardInterrupt
    assert not console.file.getvalue().endswith(erase)
    with Screen(three, console):
        pass
    assert console.file.getvalue().endswith(erase)
