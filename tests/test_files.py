"""Breaks when a file can be left half-written."""

import os

import pytest

from decentralizepy.files import write_atomic


@pytest.mark.parametrize(
    ("data", "content"),
    [("ä\r\n", "ä\r\n".encode()), (b"\0\xff", b"\0\xff"), ("", b"")],
)
def test_text_is_utf8_and_bytes_are_kept(tmp_path, data, content):
    write_atomic(tmp_path / "file", data)
    assert (tmp_path / "file").read_bytes() == content


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    write_atomic(str(path), "new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_keeps_the_old_file_and_leaves_no_other(
    tmp_path, monkeypatch, failing
):
    def fail(*args):
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_the_data_is_on_the_disk_before_it_takes_the_name(tmp_path, monkeypatch):
    order, replace, fsync = [], os.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda f: (order.append("fsync"), fsync(f)))
    monkeypatch.setattr(
        os, "replace", lambda *a: (order.append("replace"), replace(*a))
    )
    write_atomic(tmp_path / "file", "data")
    assert order == ["fsync", "replace"]


def test_a_new_file_has_the_rights_of_any_other(tmp_path):
    (tmp_path / "other").touch()
    write_atomic(tmp_path / "file", "data")
    modes = {(tmp_path / name).stat().st_mode for name in ("file", "other")}
    assert len(modes) == 1


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "there").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_atomic(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there").read_text() == "new"


def test_what_is_no_plain_file_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomic(pipe, "data")
        assert os.read(reader, 10) == b"data"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "none" / "file", "data")
