"""Breaks when nodes that work together end with other numbers, or do not say why not."""

import re

import pytest

from decentralizepy.engines.batching import Batching, chunks
from decentralizepy.engines.turns import Inbox, Turns
from tests.support import LIMIT_S
from tests.support.alike import MODULE, SOFTMAX, assert_alike
from tests.support.launcher import run

LEAST = 128
ENGINES = {
    "debug": ("--engine", "debug"),
    "packed": ("--engine", "packed", "--workers", "2"),
}


class Sum:
    """Work whose result is a number, and that is done together by adding them all."""

    name, least, done = "sums", 0, []

    def __init__(self, number, key=0, obstacle="", error=None):
        self.number, self.key, self.obstacle = number, key, obstacle
        self.error = error

    def alone(self):
        self.done.append([self.number])
        return self.number

    @staticmethod
    def together(works):
        for work in works:
            if work.error:
                raise work.error
        numbers = [work.number for work in works]
        works[0].done.append(numbers)
        return [sum(numbers)] * len(numbers)


def do(works):
    """Have a node do each of ``works``; return their results, and what was done at once."""
    turns = Turns()
    batching, found, done = Batching(turns), [None] * len(works), []

    def body(place):
        works[place].done = done
        found[place] = batching.do(works[place])

    for place in range(len(works)):
        turns.add(lambda place=place: body(place))
    assert turns.run(LIMIT_S)
    return found, done


def test_works_with_equal_keys_are_done_together():
    works = [Sum(number, key=number % 2) for number in range(5)]
    found, done = do(works)
    assert done == [[0, 2, 4], [1, 3]]
    assert found == [6, 4, 6, 4, 6]


def test_one_that_nobody_joins_is_done_alone():
    assert do([Sum(3)]) == ([3], [[3]])


def test_an_obstacle_is_said_once_and_the_others_still_meet(caplog):
    works = [Sum(1, obstacle="no legs"), Sum(2), Sum(3, obstacle="no legs"), Sum(4)]
    found, done = do(works)
    assert found == [1, 6, 3, 6]
    assert done == [[1], [3], [2, 4]]
    told = [record.getMessage() for record in caplog.records]
    assert told == ["sums are not batched, but one by one: no legs"]


def test_what_fails_together_is_done_alone_from_then_on(caplog):
    turns, done, found = Turns(), [], {}
    batching = Batching(turns)

    def body(uid):
        for number in (1, 2):
            work = Sum(
                uid, error=ValueError("odd") if number == 1 and uid == 2 else None
            )
            work.done = done
            found[uid, number] = batching.do(work)

    for uid in range(3):
        turns.add(lambda uid=uid: body(uid))
    assert turns.run(LIMIT_S)
    assert all(found[uid, number] == uid for uid in range(3) for number in (1, 2))
    assert [numbers for numbers in done if len(numbers) > 1] == []
    told = [record.getMessage() for record in caplog.records]
    assert told == ["sums are not batched, but one by one: ValueError: odd"]


class Timed(Sum):
    """Takes the given seconds of a clock that the works share, alone or together."""

    def alone(self):
        self.clock[0] += self.cost_alone
        return super().alone()

    @staticmethod
    def together(works):
        works[0].clock[0] += works[0].cost_together
        return Sum.together(works)


@pytest.mark.parametrize(
    ("alone", "faster"), [(1.0, "together"), (0.4, "alone")], ids=str
)
def test_what_took_less_time_in_the_first_meetings_is_done_from_then_on(
    caplog, alone, faster
):
    """Of two nodes, one takes 1 or 0.4 s alone, and both 1 s together."""
    turns, clock, done = Turns(), [0.0], []
    batching = Batching(turns, auto=True, clock=lambda: clock[0])

    def body(uid):
        for _ in range(8):
            work = Timed(uid)
            work.clock, work.done = clock, done
            work.cost_alone, work.cost_together = alone, 1.0
            batching.do(work)

    for uid in range(2):
        turns.add(lambda uid=uid: body(uid))
    assert turns.run(LIMIT_S)
    both, each = [[0, 1]], [[0], [1]]
    trial = both + both + each + both + each
    assert done[: len(trial)] == trial
    rest = 3 * (both if faster == "together" else each)
    assert sorted(done[len(trial) :]) == sorted(rest)  # they no longer wait
    told = [record.getMessage() for record in caplog.records]
    reason = "that is faster here, 400 instead of 500 ms per node"
    words = [f"sums are not batched, but one by one: {reason}"]
    assert told == ([] if faster == "together" else words)


def test_nodes_meet_only_once_no_other_can_run():
    """Node 0 waits to meet, 1 for a message of 2, which 2 sends before it comes, too."""
    turns, done = Turns(), []
    batching = Batching(turns)
    inboxes = [Inbox(turns) for _ in range(3)]

    def body(uid):
        if uid == 1:
            inboxes[1].get(LIMIT_S)
        if uid == 2:
            inboxes[1].put((2, []))
        work = Sum(uid)
        work.done = done
        batching.do(work)

    for uid in range(3):
        turns.add(lambda uid=uid: body(uid))
    assert turns.run(LIMIT_S)
    assert done == [[0, 1, 2]]


@pytest.mark.parametrize("count", [1, LEAST - 1, LEAST, 2 * LEAST - 1, 5 * LEAST + 3])
def test_chunks_are_in_order_of_nearly_equal_size_and_not_too_small(count):
    parts = list(chunks(list(range(count)), LEAST))
    assert [place for part in parts for place in part] == list(range(count))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= min(count, LEAST)
    assert max(sizes) < 2 * LEAST
    assert list(chunks(list(range(count)), 0)) == [list(range(count))]


def both(experiment, tmp_path, engine, rounds, **sections):
    """Run an experiment batched and not; return their logs."""
    for name in ("off", "on"):
        words = experiment("IPC", rounds, name=name, **sections)
        done = run([*words, *ENGINES[engine], "--batched", name])
        assert done.returncode == 0, done.stderr
    folder = tmp_path / "on"
    return "".join(path.read_text() for path in sorted(folder.glob("*.log")))


@pytest.mark.processes
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.slow
def test_a_convex_model_ends_within_rounding_of_one_by_one(
    experiment, tmp_path, engine
):
    log = both(experiment, tmp_path, engine, 50, **SOFTMAX)
    assert "not batched" not in log
    assert_alike(tmp_path)


@pytest.mark.processes
@pytest.mark.slow
def test_rates_and_images_that_change_are_batched(experiment, tmp_path):
    scheduler = {"scheduler_package": "torch.optim.lr_scheduler"}
    changing = {
        "LR_SCHEDULER": {**scheduler, "scheduler_class": "StepLR", "step_size": "3"},
        "TRAIN_PARAMS": {**SOFTMAX["TRAIN_PARAMS"], "crop_padding": "1"},
    }
    log = both(experiment, tmp_path, "debug", 10, **{**SOFTMAX, **changing})
    assert "not batched" not in log
    assert_alike(tmp_path)


@pytest.mark.processes
@pytest.mark.slow
def test_nodes_with_other_numbers_of_steps_and_samples_meet_where_they_can(
    experiment, tmp_path
):
    """Node u has u + 1 samples: epochs of one to three steps, with a smaller last one."""
    uneven = {
        "DATASET": {"dataset_class": "Uneven"},
        "TRAIN_PARAMS": {"full_epochs": "True", "rounds": "2", "batch_size": "2"},
    }
    log = both(experiment, tmp_path, "debug", 5, **uneven)
    assert "not batched" not in log
    assert_alike(tmp_path)


@pytest.mark.processes
@pytest.mark.parametrize(
    ("section", "option", "name", "told"),
    [
        ("DATASET", "model_class", "Dropping", "vmap"),
        ("TRAIN_PARAMS", "training_class", "Steady", "Steady overrides trainstep"),
        ("TRAIN_PARAMS", "loss_class", "Doubtful", "vmap"),
        ("OPTIMIZER_PARAMS", "optimizer_class", "Adam", "Adam is not plain SGD"),
        ("TRAIN_PARAMS", "clip_norm", "0.1", "[TRAIN_PARAMS] clip_norm or clip_value"),
    ],
    ids=["dropout", "trainer", "loss", "optimizer", "clipping"],
)
@pytest.mark.slow
def test_what_cannot_be_batched_ends_with_the_bits_of_one_by_one(
    experiment, tmp_path, section, option, name, told
):
    package = f"{option.removesuffix('_class')}_package".replace("model", "dataset")
    pulling = {"sharing_package": MODULE, "sharing_class": "Pulling"}
    sections = {section: {option: name}, "SHARING": pulling}
    if option.endswith("_class") and name != "Adam":
        sections[section][package] = MODULE
    log = both(experiment, tmp_path, "debug", 3, **sections)
    lines = re.findall("(.*) are not batched, but one by one: (.*)", log)
    reasons = {what.rpartition("] ")[2]: reason for what, reason in lines}
    assert len(lines) == len(reasons) == 2
    assert told in reasons["training steps"]
    assert reasons["averages"] == "Pulling overrides pull"
    assert_alike(tmp_path, equal=True)


@pytest.mark.processes
@pytest.mark.slow
def test_an_error_in_a_loss_names_the_node_that_it_is_raised_in(experiment):
    """It fails for one class, and so in one of the first rounds."""
    sections = {"TRAIN_PARAMS": {"loss_package": MODULE, "loss_class": "Broken"}}
    words = [*experiment("IPC", 9, **sections), "--engine", "debug"]
    alone, together = (run([*words, "--batched", each]) for each in ("off", "on"))
    assert together.returncode == alone.returncode == 1
    assert "together.py" in together.stderr
    named = [
        re.search(r"uid \d failed in round \d+|uid \d \(.*\) failed in round \d+", each)
        for each in (alone.stderr, together.stderr)
    ]
    assert named[0].group() == named[1].group()
