"""The command lines of the pictures; breaks when an error is a traceback, or leaves half."""

import math
from argparse import ArgumentParser
from pathlib import Path

import pytest

from decentralizepy.errors import DataError
from decentralizepy.figures import changes, command, percentiles, shared, tables

COMMANDS = {
    "plot_model": (changes.main, ["0"]),
    "plot_percentile": (percentiles.main, []),
    "plot_shared": (shared.main, []),
    "plotting_from_csv": (tables.main, ["4", "true"]),
}
ROOT = Path(__file__).resolve().parent.parent.parent


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
    assert command.run(ArgumentParser(), lambda args: files, []) == 0
    assert {path: path.read_bytes() for path in files} == files
    assert capsys.readouterr().out == (
        f"2 files written to {tmp_path}/a/b, {tmp_path}/a\n"
    )


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, capsys):
    (tmp_path / "file").touch()
    files = {tmp_path / "file/c.txt": b"c"}
    assert command.run(ArgumentParser(), lambda args: files, []) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_files_are_found_by_number(tmp_path):
    """By name, 10 would come before 9, and upstream's order was the disk's."""
    for name in (
        "10_x.json",
        "9_x.json",
        "a_x.json",
        "_x.json",
        "9_y.json",
        "²_x.json",
    ):
        (tmp_path / name).touch()
    found = command.numbered(tmp_path, "_x.json")
    assert list(found) == [9, 10]
    assert found[9].name == "9_x.json"


def test_complex_numbers_become_their_magnitudes():
    assert list(command.vector("f", [[3, 4], [0, -2]], "")) == [5, 2]


@pytest.mark.parametrize(
    "numbers", [None, [], ["x"], [[1, 2, 3]], [[1], [2, 3]], 4, {}]
)
def test_what_is_no_vector_is_named(numbers):
    with pytest.raises(DataError, match=r"^f: expected a list$"):
        command.vector("f", numbers, "a list")


def test_numbers_that_are_not_finite_are_read(tmp_path):
    """A model that diverged is what a user looks at such pictures for."""
    (tmp_path / "a.json").write_text("[NaN, Infinity]")
    read = command.vector("f", command.read_json(tmp_path / "a.json"), "")
    assert math.isnan(read[0])
    assert read[1] == math.inf
