"""Breaks when a file from another machine arrives damaged, half, or outside its folder."""

import pytest

from decentralizepy.errors import PeerError
from decentralizepy.runs.transfer import Inbox, Piece, listed, pieces

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def sent(tmp_path):
    """A folder with the files of a run."""
    for name in ("a b.ini", "0_results.jsonl", "weights/9_weight_0.pt", "empty.log"):
        path = tmp_path / "sent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if name == "empty.log" else CONTENT)
    for name in (".lock", "checkpoints/0/2.safetensors"):
        path = tmp_path / "sent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)
    return tmp_path / "sent"


@pytest.mark.parametrize("size", [100, 1024, 4096])
def test_files_arrive_as_they_were(tmp_path, sent, size):
    """Also the empty one, and those that fill their last piece; hidden ones stay."""
    inbox = Inbox(tmp_path / "came")
    for piece in pieces(sent, listed(sent), size):
        assert len(piece.data) <= size
        inbox.take(piece)
    came = {
        p.relative_to(tmp_path / "came"): p for p in (tmp_path / "came").rglob("*.*")
    }
    names = {str(name) for name in came}
    assert names == {"a b.ini", "0_results.jsonl", "weights/9_weight_0.pt", "empty.log"}
    assert all(p.read_bytes() == (sent / name).read_bytes() for name, p in came.items())


def test_a_file_has_its_name_only_once_it_is_whole(tmp_path):
    inbox = Inbox(tmp_path)
    (tmp_path / "0.pt").write_bytes(b"old")
    inbox.take(Piece("0.pt", 0, b"new", last=False))
    assert (tmp_path / "0.pt").read_bytes() == b"old"
    inbox.take(Piece("0.pt", 3, b"er", last=True))
    assert (tmp_path / "0.pt").read_bytes() == b"newer"
    assert len([*tmp_path.iterdir()]) == 1


def test_lines_can_be_read_as_they_come_and_start_over(tmp_path):
    inbox = Inbox(tmp_path)
    inbox.append(Piece("0.jsonl", 0, b"1\n", last=False))
    inbox.append(Piece("0.jsonl", 2, b"2\n", last=False))
    assert (tmp_path / "0.jsonl").read_bytes() == b"1\n2\n"
    inbox.append(Piece("0.jsonl", 0, b"3\n", last=False))
    assert (tmp_path / "0.jsonl").read_bytes() == b"3\n"


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "/etc/x",
        "a/../../x",
        "",
        "a//x",
        ".lock",
        "a/.x",
        "a\\x",
        "a\nx",
        "a\0x",
        "/".join("abcdefghijklmnopq"),
        "x" * 300,
    ],
)
def test_nothing_is_written_outside_of_the_folder(tmp_path, name):
    folder = tmp_path / "came"
    folder.mkdir()
    with pytest.raises(PeerError, match="another machine sent a file called"):
        Inbox(folder).take(Piece(name, 0, b"x", last=True))
    assert [*tmp_path.rglob("*")] == [folder]


def test_hidden_files_come_only_where_they_are_wanted(tmp_path):
    inbox = Inbox(tmp_path, hidden=True)
    inbox.take(Piece(".a/.b", 0, b"x", last=True))
    assert (tmp_path / ".a/.b").read_bytes() == b"x"
    with pytest.raises(PeerError):
        inbox.take(Piece(".a/../../b", 0, b"x", last=True))


@pytest.mark.parametrize("offset", [1, 5])
def test_a_part_that_does_not_continue_the_file_is_refused(tmp_path, offset):
    inbox = Inbox(tmp_path)
    inbox.take(Piece("x", 0, b"abc", last=False))
    with pytest.raises(PeerError, match=f"byte {offset} after 3"):
        inbox.take(Piece("x", offset, b"d", last=True))
