"""Runs compared by their tables; breaks when a run is cut, named or ranked wrongly."""

import csv

import pytest

from decentralizepy.commands import plot
from decentralizepy.figures import tables
from tests.support.result_files import results, write


def table(folder, name, means, first=20):
    lines = ["rounds,mean,std,nr_nodes,total_bytes"]
    lines += [f"{first * n},{mean},0.5,4,100" for n, mean in enumerate(means, 1)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def folder(tmp_path):
    for name, top in (("ring", 50.0), ("star", 40.0)):
        table(tmp_path, f"test_acc_{name}", [10.0, top, 30.0, 90.0])
        table(tmp_path, f"test_loss_{name}", [2.0, 1.0, 3.0, 0.1])
        table(tmp_path, f"train_loss_{name}", [2.0, 1.5, 1.2, 0.2])
        table(tmp_path, f"total_bytes_{name}", [1.0])
    return tmp_path


def test_a_curve_of_a_single_model_is_called_so(folder):
    """Such as a parameter server's, which is no mean of nodes."""
    server = folder / "test_acc_star.csv"
    server.write_text(server.read_text().replace(",0.5,4,", ",0.0,1,"))
    (folder / "test_acc_old.csv").write_text("rounds,mean,std\n1,2,3\n")
    found = tables.read_tables(folder, 100, False)["test_acc"]
    axes = tables.draw(found, "round", "test accuracy (%)").axes[0]
    _, names = axes.get_legend_handles_labels()
    assert names == ["old", "ring", "star (one model)"]


def best(folder):
    with (folder / "best_results.csv").open() as file:
        return {row.pop("experiment"): row for row in csv.DictReader(file)}


def test_upstreams_files_are_written(folder):
    before = set(folder.iterdir())
    assert tables.main([str(folder), "3", "True"]) == 0
    assert {path.name for path in set(folder.iterdir()) - before} == {
        *(f"ge_{metric}.png" for metric in tables.METRICS),
        "best_results.csv",
    }


def test_the_best_is_within_the_epochs(folder):
    """The fourth row, of 90 %, is beyond epoch 3."""
    tables.main([str(folder), "3", "y"])
    assert best(folder) == {
        "ring": {"test_acc": "50.0", "test_loss": "1.0", "train_loss": "1.2"},
        "star": {"test_acc": "40.0", "test_loss": "1.0", "train_loss": "1.2"},
    }


@pytest.mark.parametrize(
    ("epochs", "by_epoch", "x"),
    [(3, True, [1, 2, 3]), (60, False, [20, 40, 60]), (19, False, [])],
)
def test_x_is_the_round_or_how_often_the_first_one(folder, epochs, by_epoch, x):
    found = tables.read_tables(folder, epochs, by_epoch)
    assert found["test_acc"]["ring"].index.tolist() == x


def test_a_run_without_a_row_in_reach_is_drawn_empty(folder):
    assert tables.main([str(folder), "19", "no"]) == 0
    assert best(folder)["ring"]["test_acc"] == ""


@pytest.mark.parametrize(
    "ending",
    ["_2022-03-14T10:23", "-2022-03-14T10:23", "_2022-03-14T10-23-59"],
)
def test_a_time_at_the_end_of_a_name_is_left_out(tmp_path, ending):
    table(tmp_path, f"test_acc_ring{ending}", [1.0])
    assert list(tables.read_tables(tmp_path, 9, True)["test_acc"]) == ["ring"]


def test_names_that_only_differ_by_the_time_stay_whole(tmp_path):
    names = ["ring_2022-03-14T10:23", "ring_2022-03-14T10:24", "2022-03-14T10:24"]
    for name in names:
        table(tmp_path, f"test_acc_{name}", [1.0])
    assert set(tables.read_tables(tmp_path, 9, True)["test_acc"]) == set(names)


def test_metrics_that_are_missing_are_left_out(tmp_path):
    """A federated run has no training losses."""
    table(tmp_path, "test_acc_fl", [10.0])
    assert tables.main([str(tmp_path), "3", "true"]) == 0
    assert not (tmp_path / "ge_train_loss.png").exists()
    assert best(tmp_path)["fl"] == {
        "test_acc": "10.0",
        "test_loss": "",
        "train_loss": "",
    }


def test_the_tables_of_plot_are_read(tmp_path):
    write(tmp_path / "ring/machine0/0_results.json", results(accuracy=40.0))
    write(tmp_path / "star/machine0/0_results.json", results(accuracy=60.0))
    assert plot.main([str(tmp_path)]) == 0
    assert tables.main([str(tmp_path), "9", "true"]) == 0
    assert [row["test_acc"] for row in best(tmp_path).values()] == ["40.0", "60.0"]


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "rounds,mean,std\n1,x,2\n", "rounds,mean,std\nx,1,2\n"]
)
def test_a_damaged_table_is_named_and_nothing_is_written(folder, capsys, text):
    path = folder / "test_acc_ring.csv"
    path.write_text(text)
    assert tables.main([str(folder), "3", "true"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"plotting_from_csv: {path}: no table with columns rounds")
    assert error.count("\n") == 1
    assert not [*folder.glob("*.png")]


@pytest.mark.parametrize("words", [["0", "true"], ["x", "true"], ["3", "maybe"], ["3"]])
def test_flags_that_mean_nothing_are_refused(folder, words, capsys):
    with pytest.raises(SystemExit) as error:
        tables.main([str(folder), *words])
    assert error.value.code == 2
    assert capsys.readouterr().err


def test_many_runs_get_their_legend_beside_the_figure(tmp_path):
    for number in range(5):
        table(tmp_path, f"test_acc_run{number}", [1.0, 2.0])
    found = tables.read_tables(tmp_path, 9, True)
    drawn = tables.draw(found["test_acc"], "epoch", "")
    assert drawn.axes[0].get_legend() is None
    assert len(drawn.legends[0].texts) == 5
