"""Breaks when a manifest says another thing of files, commits or packages than is so."""

import hashlib
import importlib.metadata
import subprocess

import pytest

from decentralizepy.runs import provenance

NAME = ["-c", "user.name=A", "-c", "user.email=a@example.org"]


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit of ``a.py``; ``b.py`` is not tracked."""

    def git(*words):
        command = ["git", "-C", str(tmp_path), *NAME, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1\n")
    git("init", "-q")
    git("add", "a.py")
    git("commit", "-q", "-m", "a")
    return tmp_path, git("rev-parse", "HEAD")


def test_a_tracked_file_has_its_commit_and_whether_it_was_changed(repository):
    folder, head = repository
    assert provenance.commit(folder / "a.py") == {"commit": head, "dirty": False}
    (folder / "a.py").write_text("x = 2\n")
    assert provenance.commit(folder / "a.py") == {"commit": head, "dirty": True}


def test_a_file_that_is_not_tracked_has_none(repository):
    folder, _ = repository
    assert provenance.commit(folder / "b.py") == {"commit": None, "dirty": None}


def test_a_folder_in_no_repository_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit(tmp_path) == {"commit": None, "dirty": None}


def test_git_may_be_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit(tmp_path)["commit"] is None


def test_a_file_has_its_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    expected = hashlib.sha256(b"abc").hexdigest()
    assert provenance.files([path, tmp_path / "none"]) == {str(path): expected}


def test_the_digest_of_a_folder_is_that_of_its_names_and_contents(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/x").write_text("1")
    first = provenance.of_path(tmp_path)
    (tmp_path / "a/x").write_text("2")
    second = provenance.of_path(tmp_path)
    (tmp_path / "a/x").rename(tmp_path / "a/y")
    assert len({first, second, provenance.of_path(tmp_path)}) == 3


def test_a_large_folder_is_told_by_its_sizes(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "HASHED", 3)
    (tmp_path / "x").write_text("1234")
    first = provenance.of_path(tmp_path)
    assert first.startswith("sizes:")
    (tmp_path / "x").write_text("5678")
    assert provenance.of_path(tmp_path) == first
    (tmp_path / "x").write_text("56789")
    assert provenance.of_path(tmp_path) != first


def test_packages_have_their_versions():
    assert provenance.packages()["numpy"] == importlib.metadata.version("numpy")


def test_gpus_are_read_from_the_driver(tmp_path):
    (tmp_path / "0000:01").mkdir()
    text = "Model: \t NVIDIA H100\nIRQ: 5\n"
    (tmp_path / "0000:01/information").write_text(text)
    assert provenance.gpus(tmp_path) == ["NVIDIA H100"]
    assert provenance.gpus(tmp_path / "none") == []
