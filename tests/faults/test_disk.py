"""Disks that fill up, and kills while files grow: breaks when a round is lost."""

import json
import logging
import os
import subprocess
import sys

import psutil
import pytest
import torch

from decentralizepy.errors import DecentralizepyError
from decentralizepy.results.lines import Lines
from decentralizepy.results.write import Results, derive
from tests.support import LIMIT_S, ROOT
from tests.support.launcher import results, run, weights
from tests.support.slow import fill

ROW = {"total_bytes": 123456, "total_meta": 789, "test_acc": 41.5}


@pytest.fixture
def small_disk(tmp_path):
    """Return a function that mounts a disk of some KiB at ``tmp_path/<name>``."""
    mounted = []

    def small_disk(name, size_kib):
        folder = tmp_path / name
        folder.mkdir()
        options = f"size={size_kib}k"
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        subprocess.run(words, check=True)
        mounted.append(folder)
        return folder

    yield small_disk
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def rounds_in(path):
    """Return the rounds of a file of lines, all of which must be whole."""
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    return [json.loads(line)["round"] for line in content.splitlines()]


@pytest.mark.root
@pytest.mark.parametrize("size_kib", [64, 128, 256])
def test_rounds_of_a_full_disk_are_saved_when_there_is_room(
    small_disk, size_kib, caplog
):
    """Nothing raises, lines stay whole, and one warning tells of many rounds."""
    folder = small_disk("log", size_kib)
    with Results(str(folder), 0) as writer:
        writer.add(1, ROW)
        fill(folder / "filler")
        with caplog.at_level(logging.WARNING):
            for number in range(2, 101):
                writer.add(number, ROW)
                writer.write()
        saved = rounds_in(writer.path)
        assert saved == [*range(1, len(saved) + 1)]
        assert len(saved) < 100  # a page had room for some
        assert caplog.text.count("No space left on device") == 1
        (folder / "filler").unlink()
        writer.add(101, ROW)
        assert rounds_in(writer.path) == [*range(1, 102)]
    table = json.loads((folder / "0_results.json").read_text())
    assert [*table["test_acc"]] == [str(number) for number in range(1, 102)]


@pytest.mark.root
def test_rounds_that_could_not_be_saved_are_an_error_at_the_end(small_disk):
    folder = small_disk("log", 64)
    writer = Results(str(folder), 0)
    fill(folder / "filler")
    for number in range(1, 101):
        writer.add(number, ROW)
    saved = len(rounds_in(writer.path))
    told = f"0_results.jsonl: No space left on device; the last {100 - saved} rounds"
    with pytest.raises(DecentralizepyError, match=told):
        writer.close()
    assert rounds_in(writer.path) == [*range(1, saved + 1)]


def test_a_disk_that_takes_nothing_raises_at_the_end_only(tmp_path):
    writer = Results(str(tmp_path), 0)
    writer._place.close()
    writer._place._file = Lines("/dev/full")
    for number in range(1, 4):
        writer.add(number, ROW)
    with pytest.raises(DecentralizepyError, match="the last 3 rounds are not saved"):
        writer.close()


def test_what_ended_the_run_is_not_hidden_by_a_full_disk(tmp_path):
    writer = Results(str(tmp_path), 0)
    writer._place.close()
    writer._place._file = Lines("/dev/full")
    writer.add(1, ROW)
    with pytest.raises(KeyError), writer:
        raise KeyError("the cause")


@pytest.mark.slow
@pytest.mark.root
@pytest.mark.processes
@pytest.mark.parametrize("free_in", [7, 0], ids=["freed", "full to the end"])
def test_a_run_on_a_disk_that_fills_up(experiment, tmp_path, small_disk, free_in):
    """It goes on; ends as if nothing had been, or with status 1 and whole lines."""
    passes = {"TRAIN_PARAMS": {"rounds": "4"}}
    dataset = {"dataset_package": "tests.support.slow", "dataset_class": "Filling"}
    clean = run(experiment(name="clean", DATASET=dataset, **passes))
    assert clean.returncode == 0, clean.stderr
    folder = small_disk("run", 256)
    filling = {"filler": str(folder / "filler"), "full_in": "3", "free_in": free_in}
    words = experiment(name="run", DATASET={**dataset, **filling}, **passes)
    done = run([*words, "--force"])
    if free_in:
        assert done.returncode == 0, done.stderr
        assert results(folder) == results(tmp_path / "clean")
        own, others = weights(folder / "weights"), weights(tmp_path / "clean/weights")
        assert all(torch.equal(own[name], others[name]) for name in others)
    else:
        assert done.returncode == 1, done.stderr
        assert "No space left on device" in done.stderr
        for rank in range(4):
            rounds = rounds_in(folder / f"{rank}_results.jsonl")
            assert rounds == [*range(1, len(rounds) + 1)]


KILLED = """
import os, random, signal, sys, time
from decentralizepy.results.write import Results

draw = random.Random(5)
for number in range(200):
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        results = Results(sys.argv[1], number)
        for round_ in range(1, 1_000_000):
            results.add(round_, {"total_bytes": round_, "test_acc": 50.5})
            os.write(tell, round_.to_bytes(4, "big"))
            if round_ % 10 == 0:
                results.write()
    os.close(tell)
    os.read(told, 4)  # it has begun
    time.sleep(draw.random() * 0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    last = b"\\0\\0\\0\\1"
    while more := os.read(told, 1 << 16):
        last = more[-4:]
    os.close(told)
    print(int.from_bytes(last, "big"))
"""


def test_two_hundred_kills_lose_a_round_each_at_most(tmp_path):
    """Every file parses, and holds all rounds but the one in which the kill came."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    finished = [int(line) for line in done.stdout.split()]
    assert len(finished) == 200, done.stderr
    assert len({*finished}) > 20  # killed in many places
    for number, last in enumerate(finished):
        lines = tmp_path / f"{number}_results.jsonl"
        content = lines.read_bytes()
        torn = len(content) - content.rfind(b"\n") - 1  # a kill at the end of a page
        lines.write_bytes(content[: len(content) - torn])
        assert rounds_in(lines) in ([*range(1, last + 1)], [*range(1, last + 2)])
        lines.write_bytes(content)
        derived = tmp_path / f"{number}_results.json"
        if derived.exists():  # not before the tenth round
            json.loads(derived.read_text())
        table = json.loads(derive(lines).read_text())
        assert len(table["total_bytes"]) >= last


def test_a_round_moves_as_much_after_ten_thousand_as_at_first(tmp_path):
    """Breaks when a round is more than a line appended to a file."""
    moved = []
    with Results(str(tmp_path), 0) as writer:
        for block in range(10):
            before = bytes_moved()
            for number in range(1000 * block + 1, 1000 * block + 1001):
                writer.add(number, ROW)
            moved.append(bytes_moved() - before)
    assert sum(moved[-3:]) < 2 * sum(moved[:3])
    table = json.loads((tmp_path / "0_results.json").read_text())
    assert len(table["test_acc"]) == 10_000
    assert os.stat(writer.path).st_size > 10_000 * 60


def bytes_moved():
    """Return what this process has read and written, from the disk or its cache."""
    counters = psutil.Process().io_counters()
    return counters.read_chars + counters.write_chars
