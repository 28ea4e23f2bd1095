"""The command lines of the pictures; breaks when an error is a traceback, or leaves half."""

from argparse import ArgumentParser

import pytest

from decentralizepy.figures import changes, percentiles, script, shared, tables
from tests.support import ROOT

COMMANDS = {
    "plot_model": (changes.main, ["0"]),
    "plot_percentile": (percentiles.main, []),
    "plot_shared": (shared.main, []),
    "plotting_from_csv": (tables.main, ["4", "true"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_has_a_script_of_upstreams_name(name):
    main, _ = COMMANDS[name]
    assert (
        f"from {main.__module__} import main" in (ROOT / f"eval/{name}.py").read_text()
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelt_folder_is_one_line_and_names_the_nearest(name, tmp_path, capsys):
    main, rest = COMMANDS[name]
    (tmp_path / "runs").mkdir()
    folder = tmp_path / "rums"
    assert main([str(folder), *rest]) == 2
    expected = f"{name}: {folder}: no such folder; did you mean runs?\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_an_empty_folder_is_one_line_that_says_what_is_expected(name, tmp_path, capsys):
    main, rest = COMMANDS[name]
    assert main([str(tmp_path), *rest]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{name}: {tmp_path}: no ")
    assert error.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_files_are_written_with_their_folders(tmp_path, capsys):
    files = {tmp_path / "a/b/c.txt": b"c", tmp_path / "a/d.txt": b"d"}
    assert script.run(ArgumentParser(), lambda args: files, []) == 0
    assert {path: path.read_bytes() for path in files} == files
    assert capsys.readouterr().out == (
        f"2 files written to {tmp_path}/a/b, {tmp_path}/a\n"
    )


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    files = {tmp_path / "file/c.txt": b"c"}
    assert script.run(ArgumentParser(), lambda args: files, []) == 2
    assert capsys.readouterr().err.count("\n") == 1
