"""The cache of LEAF's files: made once, by one process, whole; every fault in a line."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from decentralizepy.datasets.leaf import cache
from decentralizepy.datasets.leaf.cache import (
    CACHE,
    open_records,
)
from decentralizepy.errors import DataError
from tests.support import LIMIT_S, ROOT
from tests.support.leaf import Pairs, leaf, write


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "train", b=leaf(zoe=[2, 0], amy=[1]), a=leaf(bob=[0, 1, 2]))
    return tmp_path / "train"


def caches(folder):
    return sorted(path.name for path in (folder / CACHE).glob("pairs-*"))


def fails(folder, codec=None):
    """Return the line that is said."""
    with pytest.raises(DataError) as caught:
        open_records(str(folder), codec or Pairs())
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder), "DIR")


def test_files_come_by_name_and_users_as_in_the_file(folder):
    records = open_records(str(folder), Pairs())
    assert records.files == ["a.json", "b.json"]
    assert records.users == [("bob", 0, 0, 3), ("zoe", 1, 3, 5), ("amy", 1, 5, 6)]
    assert records.y.tolist() == [0, 1, 2, 2, 0, 1]
    assert records.x.tolist() == [[0, 0], [1, 1], [2, 2], [2, 0], [0, 1], [1, 0]]
    assert (records.x.dtype, records.y.dtype) == (np.float32, np.int64)


def test_a_user_without_samples_is_kept(folder):
    write(folder, b=leaf(zoe=[], amy=[1]))
    records = open_records(str(folder), Pairs())
    assert records.users == [("bob", 0, 0, 3), ("zoe", 1, 3, 3), ("amy", 1, 3, 4)]


def test_the_second_time_nothing_is_parsed(folder):
    first = open_records(str(folder), Pairs())
    path = folder / "a.json"
    before = path.stat()
    path.write_bytes(b"?" * before.st_size)  # whoever reads it again, fails
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    cache._open.cache_clear()
    codec = Pairs()
    second = open_records(str(folder), codec)
    assert not codec.encoded
    assert second is not first
    assert second.x.tolist() == first.x.tolist()
    assert second.users == first.users


def add(folder):
    write(folder, c=leaf(eve=[1]))


def remove(folder):
    (folder / "a.json").unlink()


def grow(folder):
    write(folder, a=leaf(bob=[0, 1, 2, 0]))


def touch(folder):
    os.utime(folder / "a.json", ns=(1, 1))


def rename(folder):
    (folder / "a.json").rename(folder / "d.json")


def change_source(folder):
    os.utime(folder / "vocabulary", ns=(1, 1))


@pytest.mark.parametrize(
    ("change", "users"),
    [(add, 4), (remove, 2), (grow, 3), (touch, 3), (rename, 3), (change_source, 3)],
)
def test_it_is_made_anew_when_a_source_changes(folder, change, users):
    """Breaks when nodes train on data that are not those in the files."""
    codec = Pairs(folder / "vocabulary")
    codec.sources[0].touch()
    open_records(str(folder), codec)
    change(folder)
    codec.encoded.clear()
    assert len(open_records(str(folder), codec).users) == users
    assert len(codec.encoded) == users
    assert len(caches(folder)) == 1, "the old cache is gone"


def test_it_is_made_anew_by_another_version_of_the_code(folder):
    open_records(str(folder), Pairs())
    codec = Pairs()
    codec.version = 2
    open_records(str(folder), codec)
    assert len(codec.encoded) == 3


def test_a_batch_can_be_written_to_without_harm_to_the_file(folder):
    open_records(str(folder), Pairs()).x[:] = 9
    cache._open.cache_clear()
    assert open_records(str(folder), Pairs()).x.max() == 2


CHILD = """
import time
from decentralizepy.datasets.leaf.cache import open_records
from tests.support.leaf import Pairs

class Slow(Pairs):
    def encode(self, x, y):
        with open({log!r}, "a") as file:
            file.write("user\\n")
        time.sleep(0.2)
        return super().encode(x, y)

print(open_records({folder!r}, Slow()).x.tolist())
"""


def started(folder, log, users):
    """Return a process that makes the cache and has come to user number ``users``."""
    code = CHILD.format(folder=str(folder), log=str(log))
    child = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    until = time.monotonic() + LIMIT_S
    while not (log.exists() and log.read_text().count("user") == users):
        assert time.monotonic() < until
        time.sleep(0.01)
    return child


@pytest.mark.processes
def test_of_two_processes_one_makes_it_and_both_read_it(folder, tmp_path, capsys):
    child = started(folder, tmp_path / "log", users=1)
    codec = Pairs()
    found = open_records(str(folder), codec).x.tolist()
    out, _ = child.communicate(timeout=LIMIT_S)
    assert out == f"{found}\n"
    assert len(found) == 6
    assert not codec.encoded, "read once, not by each"
    assert "waiting for another process to fill" in capsys.readouterr().err


@pytest.mark.processes
def test_what_a_killed_process_leaves_is_no_cache(folder, tmp_path):
    child = started(folder, tmp_path / "log", users=2)
    child.kill()
    child.communicate(timeout=LIMIT_S)
    assert [name.endswith(".part") for name in caches(folder)] == [True]
    codec = Pairs()
    assert open_records(str(folder), codec).y.tolist() == [0, 1, 2, 2, 0, 1]
    assert len(codec.encoded) == 3
    assert [name.endswith(".part") for name in caches(folder)] == [False]


def test_who_waits_says_so(folder, capsys):
    lock = cache._lock(folder / CACHE)
    timer = threading.Timer(0.2, lock.close)
    timer.start()
    assert len(open_records(str(folder), Pairs()).y) == 6
    timer.join()
    assert capsys.readouterr().err == (
        f"waiting for another process to fill {folder / CACHE}\n"
    )


def test_a_folder_that_cannot_be_written_has_its_cache_at_home(
    folder, tmp_path, monkeypatch
):
    (folder / CACHE).write_text("in the way, also of root")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    open_records(str(folder), Pairs())
    other = tmp_path / "test"
    write(other, a=leaf(eve=[1]))
    (other / CACHE).write_text("")
    assert open_records(str(other), Pairs()).y.tolist() == [1]
    cache._open.cache_clear()
    codec = Pairs()
    assert len(open_records(str(folder), codec).y) == 6
    assert not codec.encoded, "one folder's cache does not replace another's"


def test_without_any_place_for_it_a_line_says_what_to_set(
    folder, tmp_path, monkeypatch
):
    (folder / CACHE).write_text("")
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    line = fails(folder)
    assert line.startswith("DIR: cannot write its cache there or in ")
    assert line.endswith("; set XDG_CACHE_HOME to a writable folder")


def test_a_full_disk_leaves_nothing(folder, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    line = fails(folder)
    assert line.endswith(": cannot be written: No space left on device")
    assert caches(folder) == []


NAN = "Input should be a valid number"
BAD = [
    ("{", "DIR/b.json: Invalid JSON: EOF while parsing an object at line 1 column 1"),
    (
        json.dumps(leaf(eve=[1]))[:-3],
        "DIR/b.json: Invalid JSON: EOF while parsing an object at line 1 column 84",
    ),
    ("", "DIR/b.json: Invalid JSON: EOF while parsing a value at line 1 column 0"),
    ("[]", "DIR/b.json: Input should be an object"),
    ({"user_data": {}}, "DIR/b.json: users: Field required"),
    ({"users": []}, "DIR/b.json: user_data: Field required"),
    (
        {"users": ["eve"], "user_data": {}},
        "DIR/b.json: user eve is in `users` but not in `user_data`",
    ),
    (
        {**leaf(eve=[1]), "users": ["eve", "eve"]},
        "DIR/b.json: user eve is 2 times in `users`",
    ),
    (
        {**leaf(eve=[1], abe=[2]), "users": ["eve"]},
        "DIR/b.json: user abe is in `user_data` but not in `users`",
    ),
    (leaf(bob=[1]), "DIR/b.json: user bob is also in DIR/a.json"),
    (
        {**leaf(eve=[1, 2]), "num_samples": [3]},
        "DIR/b.json: user eve: 2 samples, but `num_samples` says 3",
    ),
    (
        {**leaf(eve=[1, 2]), "num_samples": [2, 2]},
        "DIR/b.json: 1 users, but 2 numbers in `num_samples`",
    ),
    (
        {"users": ["eve"], "user_data": {"eve": {"x": []}}},
        "DIR/b.json: user eve: y: Field required",
    ),
    (
        {"users": ["eve"], "user_data": {"eve": {"x": [[1, 1]], "y": []}}},
        "DIR/b.json: user eve: 1 samples but 0 labels",
    ),
    (
        {"users": ["eve"], "user_data": {"eve": {"x": [[1, 1], [1, "a"]], "y": []}}},
        f"DIR/b.json: user eve: record 1: x[1]: {NAN}",
    ),
    (
        {"users": ["eve"], "user_data": {"eve": {"x": [[1, 1]], "y": ["0"]}}},
        "DIR/b.json: user eve: record 0: y: Input should be a valid integer",
    ),
    (
        leaf(eve=[1, 3]),
        "DIR/b.json: user eve: record 1: label 3: expected 0 to 2",
    ),
    (
        {"users": ["eve"], "user_data": {"eve": {"x": [[0, 0], [0, -1]], "y": [0, 0]}}},
        "DIR/b.json: user eve: record 1: -1.0 is negative",
    ),
]


@pytest.mark.parametrize(("content", "line"), BAD)
def test_a_fault_is_told_with_its_file_user_and_record(folder, content, line):
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "b.json").write_text(text)
    assert fails(folder) == line
    assert caches(folder) == [], "nothing is left of what was read before"


def test_a_byte_order_mark_and_the_shadows_of_macos_are_passed_over(folder):
    """Breaks when a folder that went through Windows or macOS cannot be read."""
    usual = open_records(str(folder), Pairs()).users
    text = (folder / "a.json").read_bytes()
    (folder / "a.json").write_bytes(b"\xef\xbb\xbf" + text)
    (folder / "._a.json").write_bytes(b"\x00\x05\x16\x07")
    assert open_records(str(folder), Pairs()).users == usual


@pytest.mark.parametrize("count", [2, [2], None])
def test_the_number_of_samples_of_one_user_may_be_a_number_or_missing(folder, count):
    """``file_per_user`` of DecentralizePy writes a number."""
    content = {**leaf(eve=[1, 2]), "num_samples": count}
    if count is None:
        del content["num_samples"]
    write(folder, b=content)
    assert open_records(str(folder), Pairs()).users[-1] == ("eve", 1, 3, 5)


def test_a_file_that_cannot_be_read_is_named(folder):
    (folder / "c.json").mkdir()
    assert fails(folder) == "DIR/c.json: cannot be read: Is a directory"
    (folder / "d.json").symlink_to("nowhere")
    assert fails(folder) == "DIR/d.json: cannot be read: No such file or directory"


def test_a_folder_without_files_is_told(tmp_path):
    line = "DIR: not a folder with LEAF's *.json files"
    assert fails(tmp_path / "missing") == line
    (tmp_path / "empty").mkdir()
    assert fails(tmp_path / "empty") == line


def test_files_without_a_sample_are_told(tmp_path):
    write(tmp_path / "train", a=leaf(amy=[]), b=leaf())
    assert fails(tmp_path / "train") == "DIR: no samples in its 2 files"


def test_progress_advances_by_user(folder, monkeypatch):
    """Breaks when a file whose images take minutes shows none until its end."""
    import rich.progress

    seen = []
    advance = rich.progress.Progress.advance
    monkeypatch.setattr(
        rich.progress.Progress,
        "advance",
        lambda self, task, size: (seen.append(size), advance(self, task, size)),
    )
    open_records(str(folder), Pairs())
    sizes = [(folder / name).stat().st_size for name in ("a.json", "b.json")]
    assert seen == [0, sizes[0], sizes[1] / 2, sizes[1] / 2]
