"""What a pickle may name is a closed list; all else is refused in one line."""

import collections
import os
import pickle

import pytest

from decentralizepy.datasets.sources.unpickle import load
from decentralizepy.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "words.pck"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_content_needs_no_leave(path, protocol):
    content = {"a": [1, 2.5, None, True], "é": (b"b", {"c"})}
    if protocol < 4:
        content = {"a": [1, 2.5, None, True], "é": ("b", {"c": 3})}
    path.write_bytes(pickle.dumps(content, protocol))
    assert load(path, {}) == content


def test_only_what_is_allowed_is_named(path):
    path.write_bytes(pickle.dumps(collections.Counter("aab")))
    assert load(path, {("collections", "Counter"): dict}) == {"a": 2, "b": 1}
    with pytest.raises(DataError, match=r"words.pck: damaged: collections.Counter is"):
        load(path, {("collections", "OrderedDict"): dict})


class Hostile:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_hostile_pickle_is_not_executed(path, protocol, monkeypatch):
    monkeypatch.chdir(path.parent)
    path.write_bytes(pickle.dumps({"vocab": Hostile()}, protocol))
    with pytest.raises(
        DataError, match=r"words.pck: damaged: \w+.mkdir is not expected"
    ):
        load(path, {})
    assert not (path.parent / "pwned").exists()


@pytest.mark.parametrize("content", [b"", b"\x80", b"no pickle", b"\x80\x04]"])
def test_a_damaged_file_is_named(path, content):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"words.pck: damaged: "):
        load(path, {})


def test_a_missing_file_is_named(path):
    with pytest.raises(DataError, match=r"words.pck: cannot be read: No such file"):
        load(path, {})


def test_texts_of_python_2_are_read_as_asked(path):
    path.write_bytes(b"\x80\x02U\x02\xc3\xa9.")
    assert load(path, {}) == "é"
    assert load(path, {}, encoding="bytes") == "é".encode()
