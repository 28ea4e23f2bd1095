"""Breaks when a comparison shows other numbers than the runs have."""

import json

import pytest
from rich.console import Console

from decentralizepy.commands import compare
from decentralizepy.figures import comparison
from decentralizepy.results.read import read_runs
from decentralizepy.results.write import read_final, write_final


def write_run(folder, accuracies, sent):
    machine = folder / "machine0"
    machine.mkdir(parents=True)
    for rank, accuracy in enumerate(accuracies):
        results = {
            "test_acc": {"1": 10.0, "2": accuracy},
            "total_bytes": {"1": sent / 2, "2": sent},
        }
        (machine / f"{rank}_results.json").write_text(json.dumps(results))


def rows_of(folders):
    """Return the cells of the table that the command prints."""
    runs = [run for folder in folders for run in read_runs(folder)]
    console = Console(record=True, width=120)
    console.print(compare.table(runs))
    return [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in console.export_text().splitlines()
        if line.startswith("│")
    ]


@pytest.fixture
def folders(tmp_path):
    write_run(tmp_path / "full", [50.0, 70.0], 4 * 2**20)
    write_run(tmp_path / "sparse", [55.0, 57.0], 2**20)
    return [tmp_path / "full", tmp_path / "sparse"]


def test_a_row_has_final_accuracy_and_bytes_over_the_firsts(folders):
    assert rows_of(folders) == [
        ["full", "60.0", "10.0", "50.0", "-", "-", "4.00 MiB", "100.0%"],
        ["sparse", "56.0", "1.0", "55.0", "-", "-", "1.00 MiB", "25.0%"],
    ]


def test_the_mean_model_stands_apart_from_the_nodes(folders):
    figures = {"mean_model_acc": 81.0, "consensus_distance": 0.125}
    write_final(folders[0] / "machine0", 2, figures)
    assert [row[1:6] for row in rows_of(folders)] == [
        ["60.0", "10.0", "50.0", "81.0", "0.12"],
        ["56.0", "1.0", "55.0", "-", "-"],
    ]


def test_a_mean_model_that_was_tested_alone_is_no_nodes(folders, tmp_path, monkeypatch):
    """With evaluate = mean_model, no node tests; the picture shows the mean's curve."""
    write_run(tmp_path / "mean", [], 0)
    machine = tmp_path / "mean/machine0"
    for rank in (0, 1):
        (machine / f"{rank}_results.json").write_text('{"total_bytes": {"2": 5.0}}')
    for number in (1, 2):
        measured = {"mean_model_acc": 40.0 * number, "consensus_distance": 0.5}
        write_final(machine, number, measured, earlier=read_final(machine))
    *_, row = rows_of([*folders, tmp_path / "mean"])
    assert row[1:6] == ["-", "-", "-", "80.0", "0.50"]
    assert legend(monkeypatch, tmp_path / "mean") == ["mean (mean model)"]
    (run,) = read_runs(tmp_path / "mean")
    assert run.spread("test_acc")["mean"].to_dict() == {1: 40.0, 2: 80.0}


def test_a_sample_of_the_nodes_says_of_how_many_it_is(tmp_path, monkeypatch):
    """Of four nodes, two others are tested each time; the rest does not count as 0."""
    write_run(tmp_path / "run", [], 0)
    machine = tmp_path / "run/machine0"
    for rank, tests in enumerate(({"2": 60.0}, {"2": 50.0}, {"1": 20.0}, {"1": 30.0})):
        results = {"test_acc": tests, "total_bytes": {"1": 1.0, "2": 2.0}}
        (machine / f"{rank}_results.json").write_text(json.dumps(results))
    (row,) = rows_of([tmp_path / "run"])
    assert row[1:4] == ["55.0 (2 of 4 nodes)", "5.0", "50.0"]
    assert legend(monkeypatch, tmp_path / "run") == ["run (2 of 4 nodes)"]


def test_a_servers_accuracy_is_no_nodes(folders, tmp_path, monkeypatch):
    """It is one model's; its clients are not tested."""
    write_run(tmp_path / "served", [], 0)
    machine = tmp_path / "served/machine0"
    for rank, tests in ((-1, {"2": 86.1}), (0, {}), (1, {})):
        results = {"test_acc": tests, "total_bytes": {"2": 2.0**20}}
        (machine / f"{rank}_results.json").write_text(json.dumps(results))
    *_, row = rows_of([*folders, tmp_path / "served"])
    assert row[1:6] == ["-", "-", "-", "86.1", "-"]
    assert legend(monkeypatch, tmp_path / "served") == ["served (server's model)"]


def legend(monkeypatch, *folders):
    """Return the names in the legend of the picture."""
    names = []

    def take(drawn):
        names.extend(each.get_text() for each in drawn.legends[0].texts)

    monkeypatch.setattr(comparison, "rendered", take)
    comparison.draw([run for folder in folders for run in read_runs(folder)])
    return names


def test_generated_data_are_called_so(folders, monkeypatch):
    for folder, generated in zip(folders, (True, False), strict=True):
        content = {"class": "CIFAR10", "generated": generated}
        (folder / "machine0/dataset.json").write_text(json.dumps(content))
    names = ["full: CIFAR10 (generated)", "sparse"]
    assert [row[0] for row in rows_of(folders)] == names
    assert legend(monkeypatch, *folders) == names


def test_the_command_writes_a_picture(folders, tmp_path, capsys):
    picture = tmp_path / "out.png"
    assert compare.main([*map(str, folders), "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "sparse" in capsys.readouterr().out


def test_a_folder_without_results_is_one_line(tmp_path, capsys):
    assert compare.main([str(tmp_path)]) == 2
    assert "no results here" in capsys.readouterr().err
