import csv
import io
import math
import sys

import matplotlib as mpl
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from decentralizepy.commands import plot
from decentralizepy.figures import curves, overview, style
from decentralizepy.results.read import Run, read_runs
from tests.support.result_files import results, write

CURVES = ("train_loss", "test_loss", "test_acc")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def two(tmp_path):
    """Two experiments: of four nodes on two machines, and of one node."""
    folder = tmp_path / "runs"
    for machine in (0, 1):
        for rank in (0, 1):
            content = results(accuracy=40.0 + 10 * rank + machine, sent=1000 + rank)
            write(folder / f"ring/machine{machine}/{rank}_results.json", content)
    write(folder / "star/machine0/0_results.json", results())
    (folder / "ring/weights").mkdir()
    write(folder / "ring/weights/9_results.json", results(accuracy=99.0))
    return folder


def tables(folder, centralized=False):
    """Return the rows of each table, without drawing any figure."""
    runs = read_runs(folder)
    if centralized:
        runs = [run.centralized() for run in runs]
    return {name: rows(content) for name, content in plot._tables(runs)}


def rows(content):
    return list(csv.DictReader(content.decode().splitlines()))


def pngs(folder):
    return {path.stem for path in folder.glob("*.png")}


def test_upstreams_files_are_written(two, capsys):
    assert plot.main([str(two)]) == 0
    metrics = [*CURVES, "total_bytes"]
    assert {path.name for path in two.glob("*.csv")} == {
        f"{metric}_{run}.csv" for metric in metrics for run in ("ring", "star")
    }
    assert pngs(two) == {
        *metrics,
        *(f"bytes_{metric}" for metric in CURVES),
        "data_shared",
        "parameters_metadata",
    }
    assert all(path.read_bytes().startswith(PNG) for path in two.glob("*.png"))
    assert str(two) in capsys.readouterr().out


def test_tables_hold_mean_std_and_number_of_nodes(two):
    """test_acc over four nodes is 40, 50, 41, 51: mean 45.5, variance 25.25."""
    plot.main([str(two)])
    (row,) = rows((two / "test_acc_ring.csv").read_bytes())
    assert list(row) == ["rounds", "mean", "std", "nr_nodes", "total_bytes"]
    assert (row["rounds"], row["nr_nodes"]) == ("2", "4")
    assert float(row["mean"]) == 45.5
    assert float(row["std"]) == pytest.approx(math.sqrt(25.25))
    assert float(row["total_bytes"]) == 2001  # the mean of 2000 and 2002, twice
    sent = rows((two / "total_bytes_ring.csv").read_bytes())
    assert list(sent[0]) == ["rounds", "mean", "std", "nr_nodes"]
    assert [float(row["mean"]) for row in sent] == [1000.5, 2001, 3001.5]


def test_training_and_tests_need_not_come_in_the_same_rounds(two):
    found = tables(two)
    assert [row["rounds"] for row in found["train_loss_star.csv"]] == list("123")
    assert [row["rounds"] for row in found["test_loss_star.csv"]] == ["2"]


@pytest.mark.parametrize(
    ("inside", "name"), [("ring", "ring"), ("ring/machine1", "machine1")]
)
def test_one_experiment_or_one_machine_may_be_named(two, tmp_path, inside, name):
    out = tmp_path / "out"
    assert plot.main([str(two / inside), "-o", str(out)]) == 0
    (row,) = rows((out / f"test_acc_{name}.csv").read_bytes())
    assert row["nr_nodes"] == ("4" if inside == "ring" else "2")
    assert not list((two / inside).glob("*.png"))


def test_formats_may_be_chosen(two, tmp_path):
    plot.main([str(two), "-o", str(tmp_path / "out"), "--formats", "svg,pdf"])
    assert not pngs(tmp_path / "out")
    assert (tmp_path / "out/test_acc.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "out/test_acc.pdf").read_bytes().startswith(b"%PDF")


def test_centralized_takes_the_tests_of_one_node_only(two):
    plot.main([str(two), "Yes"])
    (tested,) = rows((two / "test_acc_ring.csv").read_bytes())
    assert (float(tested["mean"]), tested["nr_nodes"]) == (40.0, "1")
    assert tables(two, True)["train_loss_ring.csv"][0]["nr_nodes"] == "4"


def test_centralized_prefers_the_parameter_server(two):
    server = results(accuracy=77.0, train_loss={})
    write(two / "star/machine0/-1_results.json", server)
    (tested,) = tables(two, True)["test_acc_star.csv"]
    assert (float(tested["mean"]), tested["nr_nodes"]) == (77.0, "1")


def test_centralized_without_such_a_node_is_an_error(two, capsys):
    (two / "star/machine0/0_results.json").rename(two / "star/machine0/7_results.json")
    assert plot.main([str(two), "true"]) == 2
    assert capsys.readouterr().err == (
        "plot: star: CENTRALIZED needs machine0/0_results.json or -1_results.json,"
        " and neither is there\n"
    )
    assert not list(two.glob("*.csv"))


@pytest.fixture
def federated(tmp_path):
    """A server that tests, and clients that took part in rounds 1, 3 and 2."""
    empty = {"train_loss": {}, "test_loss": {}, "test_acc": {}}
    server = results(accuracy=60.0, train_loss={})
    write(tmp_path / "fl/machine0/-1_results.json", server)
    for rank, counts in enumerate([{"1": 100, "3": 200}, {"2": 100}]):
        content = {**empty, "total_bytes": counts}
        write(tmp_path / f"fl/machine0/{rank}_results.json", content)
    return tmp_path


def test_the_curve_of_a_server_is_called_so(federated):
    """It is not a mean of nodes, unlike those beside it."""
    (run,) = read_runs(federated)
    drawn = curves.curves([run])
    for name in ("test_acc", "bytes_test_acc"):
        _, labels = drawn[name].axes[0].get_legend_handles_labels()
        assert labels == [f"{run.name} (server's model)"]
    _, labels = drawn["total_bytes"].axes[0].get_legend_handles_labels()
    assert labels == [run.name]


def test_federated_results_have_no_training_curve(federated):
    assert plot.main([str(federated)]) == 0
    assert "train_loss" not in pngs(federated)
    assert "test_acc" in pngs(federated)
    assert not (federated / "train_loss_fl.csv").exists()
    assert tables(federated)["test_acc_fl.csv"][0]["nr_nodes"] == "1"


def test_a_clients_counter_stands_still_while_it_is_not_chosen(federated):
    sent = tables(federated)["total_bytes_fl.csv"]
    means = [float(row["mean"]) for row in sent]
    assert means == pytest.approx([1100 / 3, 2200 / 3, 3300 / 3])


def test_a_node_that_stopped_early_counts_while_it_ran(tmp_path):
    write(tmp_path / "a/m/0_results.json", results(rounds=3, tested=(1, 3)))
    write(tmp_path / "a/m/1_results.json", results(rounds=1, tested=(1,), sent=3000))
    found = tables(tmp_path)
    assert [row["nr_nodes"] for row in found["test_acc_a.csv"]] == ["2", "1"]
    sent = found["total_bytes_a.csv"]
    assert [(float(row["mean"]), row["nr_nodes"]) for row in sent] == [
        (2000, "2"),
        (2000, "1"),
        (3000, "1"),
    ]


def test_a_killed_node_is_read_from_its_lines(tmp_path):
    write(tmp_path / "a/m/0_results.json", results())
    lines = '{"round": 1, "train_loss": 4.0}\n{"round": 2, "train_lo'
    (tmp_path / "a/m/1_results.jsonl").write_text(lines)
    row = tables(tmp_path)["train_loss_a.csv"][0]
    assert (float(row["mean"]), row["nr_nodes"]) == (3.0, "2")


@pytest.mark.parametrize("torn", ["0_results.json", "0_results.jsonl"])
def test_a_torn_file_hides_nothing_that_the_other_holds(tmp_path, torn):
    write(tmp_path / "a/m/0_results.json", {"train_loss": {"1": 2.0}})
    (tmp_path / "a/m/0_results.jsonl").write_text('{"round": 1, "train_loss": 2.0}\n')
    (tmp_path / "a/m" / torn).write_text('{"train_loss": {"1":\n')
    row = tables(tmp_path)["train_loss_a.csv"][0]
    assert float(row["mean"]) == 2.0


def test_numbers_that_were_not_finite_are_left_out(tmp_path):
    losses = {"1": None, "2": None, "3": 1.0}
    write(tmp_path / "a/m/0_results.json", results(train_loss=losses))
    write(tmp_path / "a/m/1_results.json", results(train_loss={"2": 5.0}))
    found = tables(tmp_path)["train_loss_a.csv"]
    assert [(r["rounds"], float(r["mean"]), r["nr_nodes"]) for r in found] == [
        ("2", 5.0, "1"),
        ("3", 1.0, "1"),
    ]


def test_what_is_no_number_is_passed_over(tmp_path):
    """Upstream's Epidemic Learning writes lists, foreign nodes whatever they like."""
    more = {"received_this_round": {"1": {}, "2": [3]}, "note": "mine"}
    write(tmp_path / "a/m/0_results.json", results(**more))
    assert len(tables(tmp_path)) == 4


def test_runs_that_did_not_measure_the_same_are_drawn_together(two):
    write(two / "bare/machine0/0_results.json", {"test_acc": {"1": 10.0}})
    assert plot.main([str(two)]) == 0
    assert tables(two)["test_acc_bare.csv"][0]["total_bytes"] == ""


def test_counters_alone_are_drawn(tmp_path):
    write(tmp_path / "stc/m/0_results.json", {"total_bytes": {"1": 5, "2": 9}})
    assert plot.main([str(tmp_path)]) == 0
    assert pngs(tmp_path) == {"total_bytes", "data_shared"}


def test_experiments_are_in_the_order_of_their_numbers(tmp_path):
    for name in ("run10", "run9", "aa", "b"):
        write(tmp_path / name / "m/0_results.json", results())
    assert [run.name for run in read_runs(tmp_path)] == ["aa", "b", "run9", "run10"]


def test_many_experiments_get_their_legend_beside_the_figure(tmp_path):
    for number in range(5):
        write(tmp_path / f"run{number}/m/0_results.json", results())
    figures = curves.curves(read_runs(tmp_path))
    assert figures["test_acc"].axes[0].get_legend() is None
    assert len(figures["test_acc"].legends[0].texts) == 5


@pytest.fixture
def of_generated_data(two):
    """The experiments of ``two``; the data of ring's second machine were generated."""
    for machine, generated in [("ring/machine1", True), ("star/machine0", False)]:
        content = {"class": "CIFAR10", "generated": generated}
        write(two / machine / "dataset.json", content)
    return two


def test_generated_data_are_called_so_in_every_figure(of_generated_data):
    runs = read_runs(of_generated_data)
    runs[0] = runs[0].centralized()  # which must not lose it
    names = ["ring: CIFAR10 (generated)", "star"]
    for drawn in curves.curves(runs).values():
        assert [each.get_text() for each in drawn.axes[0].get_legend().texts] == names
    for drawn in curves.bars(runs).values():
        assert [each.get_text() for each in drawn.axes[0].get_yticklabels()] == names
    assert "test_acc_ring.csv" in tables(of_generated_data)


def test_generated_data_are_called_so_at_the_end_of_a_run(
    of_generated_data, monkeypatch
):
    titles = []
    monkeypatch.setattr(
        overview,
        "rendered",
        lambda drawn, dpi: titles.append(drawn.get_suptitle()) or b"",
    )
    overview.draw_run(of_generated_data / "ring/machine1")
    overview.draw_run(of_generated_data / "star/machine0")
    assert titles[0].startswith("ring/machine1: CIFAR10 (generated)   nodes: 2")
    assert titles[1].startswith("star/machine0   nodes: 1")


@pytest.mark.parametrize("damaged", ["", "[]", "{}", '{"class": 3, "generated": true}'])
def test_a_damaged_name_of_the_data_is_one_line(two, capsys, damaged):
    file = two / "star/machine0/dataset.json"
    file.write_text(damaged)
    assert plot.main([str(two)]) == 2
    assert capsys.readouterr().err.startswith(f"plot: {file}: damaged (")


def test_a_folder_without_results_is_one_line_and_status_2(tmp_path, capsys):
    assert plot.main([str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no results here; expected <experiment>/<machine>/<rank>_res" in error


def test_a_misspelt_folder_is_one_line_and_names_the_nearest(two, capsys):
    assert plot.main([str(two.parent / "rums")]) == 2
    assert capsys.readouterr().err.endswith(
        "rums: no such folder; did you mean runs?\n"
    )


@pytest.mark.parametrize(
    "damaged", ['{"test_acc": {"2', "[]", '{"test_acc": {"x": 1}}', "\udcff"]
)
def test_a_damaged_file_is_named_and_nothing_is_written(two, capsys, damaged):
    file = two / "star/machine0/0_results.json"
    file.write_bytes(damaged.encode(errors="surrogateescape"))
    assert plot.main([str(two)]) == 2
    error = capsys.readouterr().err
    assert f"{file}: not a results file" in error
    assert error.count("\n") == 1
    assert not list(two.glob("*.*"))


def test_a_place_that_cannot_be_written_is_one_line(two, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert plot.main([str(two), "-o", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("words", [["DIR", "--formats", "bmp"], []])
def test_flags_that_mean_nothing_are_refused(words, capsys):
    assert plot.main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_is_drawn_at_its_end(two):
    folder = two / "ring/machine0"
    written = overview.draw_run(folder)
    assert [path.name for path in written] == [
        "results.png",
        "0_train_loss.png",
        "1_train_loss.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in written)
    assert set(pngs(folder)) == {path.stem for path in written}


def test_nodes_of_different_losses_get_different_curves(tmp_path):
    write(tmp_path / "0_results.json", results())
    write(tmp_path / "1_results.json", results(train_loss={"1": 9.0, "2": 1.0}))
    write(tmp_path / "2_results.json", results())
    overview.draw_run(tmp_path)
    zero, one, two = (
        imread(tmp_path / f"{rank}_train_loss.png")[20:] for rank in range(3)
    )  # without the headings
    assert (zero == two).all()  # nothing of the line before is left
    assert (zero != one).any()


def test_a_run_without_results_is_not_drawn(tmp_path):
    assert overview.draw_run(tmp_path) == []
    write(tmp_path / "0_results.json", {"train_loss": {}, "test_acc": {}})
    assert overview.draw_run(tmp_path) == []
    assert not pngs(tmp_path)


def test_a_run_without_tests_is_drawn(tmp_path):
    empty = {"test_acc": {}, "test_loss": {}, "time": {}}
    write(tmp_path / "0_results.json", results(**empty))
    assert overview.draw_run(tmp_path)[0].name == "results.png"


def test_nodes_beyond_the_limit_get_no_curve_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "_NODE_FIGURES", 1)
    for rank in (0, 1):
        write(tmp_path / f"{rank}_results.json", results())
    assert [path.name for path in overview.draw_run(tmp_path)] == ["results.png"]


@given(
    values=st.lists(st.floats(0, 1e6), min_size=1, max_size=20),
    stops=st.integers(0, 19),
)
def test_axes_begin_at_zero_and_hold_every_point(values, stops):
    """A cut axis makes a small difference look large, or hides a bad node."""
    nodes = {
        "0": {"test_acc": dict(enumerate(values, 1))},
        "1": {"test_acc": dict(enumerate(values[:stops], 1))},
    }
    spread = Run("a", nodes).spread("test_acc")
    axes = Figure().add_subplot()
    style.draw_spread(axes, spread.index, spread, "a")
    style.dress(axes, "round", "test accuracy (%)")
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    assert left == bottom == 0
    assert right >= len(values)
    assert top >= max(values)


def test_the_spread_of_a_single_round_is_seen():
    """A band between one round and itself would have no width."""
    nodes = {name: {"test_acc": {20: acc}} for name, acc in (("0", 30.0), ("1", 50.0))}
    spread = Run("a", nodes).spread("test_acc")
    axes = Figure().add_subplot()
    style.draw_spread(axes, spread.index, spread, "a")
    bars = [bar for each in axes.collections for bar in each.get_segments()]
    assert [bar.tolist() for bar in bars] == [[[20, 30], [20, 50]]] * 2


def test_nothing_global_is_touched(two):
    """The launcher draws in the process of the user's own program."""
    before = dict(mpl.rcParams)
    loaded = "matplotlib.pyplot" in sys.modules
    overview.draw_run(two / "star/machine0")
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == loaded


def line_of(count):
    """Return a run of ``count`` nodes, whose accuracies are 0, 1, 2, ..."""
    return Run("run", {str(n): {"test_acc": {1: float(n)}} for n in range(count)})


def test_bands_of_many_nodes_lie_between_percentiles():
    """One std on both sides of the mean may reach beyond every node."""
    few, many = line_of(100), line_of(101)
    last = many.spread("test_acc").loc[1]
    assert (last["lower"], last["mean"], last["upper"]) == (10, 50, 90)
    last = few.spread("test_acc").loc[1]
    std = math.sqrt((100**2 - 1) / 12)
    assert last["lower"] == pytest.approx(49.5 - std)
    assert last["upper"] == pytest.approx(49.5 + std)
    assert many.spread("train_loss").empty  # a metric that was never measured
    assert "±1 std " in style.bands([few])
    assert "band: 10th to 90th percentile " in style.bands([many])
    both = style.bands([few, many])
    assert "±1 std, of more than 100 nodes 10th to 90th percentile" in both


def test_the_curve_of_a_node_is_headed_by_its_name():
    """A heading is in the upper 20 pixels, above the axes, and its color is not white."""
    frame = pd.DataFrame({"0": {1: 2.0, 2: 1.0}, "11": {1: 1.5, 2: 1.2}})
    pictures = style.drawn_apart(frame, "training loss", "node {}   Digits")
    tops = [imread(io.BytesIO(content))[:20, :, :3] for _, content in pictures]
    assert all((top < 0.6).any() for top in tops)
    assert (tops[0] != tops[1]).any()
