"""Breaks when keys of a run outlive it, or a run loses its own."""

import multiprocessing
import os
import tempfile

import pytest

from decentralizepy.runs.scratch import Scratch


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_folder_is_removed_at_its_end(tmp_path):
    with Scratch() as folder:
        (folder / "mac.key").write_text("secret")
        assert folder.stat().st_mode & 0o077 == 0
    assert not [*tmp_path.iterdir()]


def test_what_a_launcher_that_was_killed_left_is_removed_by_the_next(tmp_path):
    def killed():
        (Scratch().path / "mac.key").write_text("secret")
        os._exit(1)

    process = multiprocessing.get_context("fork").Process(target=killed)
    process.start()
    process.join()
    assert [*tmp_path.glob("*/mac.key")]
    with Scratch() as folder:
        assert [*tmp_path.iterdir()] == [folder]


def test_what_others_use_or_made_stays(tmp_path):
    (tmp_path / "decentralizepy-results").mkdir()  # a user's own
    with Scratch() as first, Scratch() as second:
        assert first.exists()
        assert second.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["decentralizepy-results"]
