"""Breaks when a comparison shows other numbers than the runs have."""

import csv
import io
import itertools
import json

import pytest
from rich.console import Console

from decentralizepy.commands import compare
from decentralizepy.figures import comparison
from decentralizepy.results import statistics
from decentralizepy.results.methods import read_methods
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


def columns_of(folders, *names, **options):
    """Return the cells of columns, by method."""
    methods, _ = read_methods(folders)
    table = statistics.compare(methods, **options)
    cells = compare.text_table(table, names, "", options.get("target"))
    method, *others = cells.values()
    return dict(zip(method, zip(*others, strict=True), strict=True))


@pytest.fixture
def folders(tmp_path):
    write_run(tmp_path / "full", [50.0, 70.0], 4 * 2**20)
    write_run(tmp_path / "sparse", [55.0, 57.0], 2**20)
    return [tmp_path / "full", tmp_path / "sparse"]


def test_a_row_has_final_accuracy_and_bytes(folders):
    names = ("seeds", "final", "spread", "worst", "mean_model", "sent")
    assert columns_of(folders, *names) == {
        "full": ("1", "60.0", "10.0", "50.0", "-", "4.00 MiB"),
        "sparse": ("1", "56.0", "1.0", "55.0", "-", "1.00 MiB"),
    }


def test_the_mean_model_stands_apart_from_the_nodes(folders):
    figures = {"mean_model_acc": 81.0, "consensus_distance": 0.125}
    write_final(folders[0] / "machine0", 2, figures)
    assert columns_of(folders, "final", "mean_model", "distance") == {
        "full": ("60.0", "81.0", "0.12"),
        "sparse": ("56.0", "-", "-"),
    }


def test_a_mean_model_that_was_tested_alone_is_no_nodes(folders, tmp_path, monkeypatch):
    """With evaluate = mean_model, no node tests; the picture shows the mean's curve."""
    write_run(tmp_path / "mean", [], 0)
    machine = tmp_path / "mean/machine0"
    for rank in (0, 1):
        (machine / f"{rank}_results.json").write_text('{"total_bytes": {"2": 5.0}}')
    for number in (1, 2):
        measured = {"mean_model_acc": 40.0 * number, "consensus_distance": 0.5}
        write_final(machine, number, measured, earlier=read_final(machine))
    names = ("final", "spread", "worst", "mean_model", "distance")
    cells = columns_of([*folders, tmp_path / "mean"], *names)
    assert cells["mean"] == ("-", "-", "-", "80.0", "0.50")
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
    cells = columns_of([tmp_path / "run"], "final", "spread", "worst")
    assert cells == {"run": ("55.0 (2 of 4 nodes)", "5.0", "50.0")}
    assert legend(monkeypatch, tmp_path / "run") == ["run (2 of 4 nodes)"]


def test_a_servers_accuracy_is_no_nodes(folders, tmp_path, monkeypatch):
    """It is one model's; its clients are not tested."""
    write_run(tmp_path / "served", [], 0)
    machine = tmp_path / "served/machine0"
    for rank, tests in ((-1, {"2": 86.1}), (0, {}), (1, {})):
        results = {"test_acc": tests, "total_bytes": {"2": 2.0**20}}
        (machine / f"{rank}_results.json").write_text(json.dumps(results))
    cells = columns_of([*folders, tmp_path / "served"], "final", "worst", "mean_model")
    assert cells["served"] == ("-", "-", "86.1")
    assert legend(monkeypatch, tmp_path / "served") == ["served (server's model)"]


def legend(monkeypatch, *folders):
    """Return the names in the legend of the picture."""
    names = []

    def take(drawn):
        names.extend(each.get_text() for each in drawn.legends[0].texts)

    monkeypatch.setattr(comparison, "rendered", lambda drawn, form: take(drawn))
    comparison.draw(read_methods(folders)[0])
    return names


def test_generated_data_are_called_so(folders, monkeypatch):
    for folder, generated in zip(folders, (True, False), strict=True):
        content = {"class": "CIFAR10", "generated": generated}
        (folder / "machine0/dataset.json").write_text(json.dumps(content))
    names = ["full: CIFAR10 (generated)", "sparse"]
    assert list(columns_of(folders, "final")) == names
    assert legend(monkeypatch, *folders) == names


def test_the_command_writes_a_picture(folders, tmp_path, capsys):
    picture = tmp_path / "out.png"
    assert compare.main([*map(str, folders), "-o", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "sparse" in capsys.readouterr().out


@pytest.fixture
def seeds(tmp_path):
    """Two methods of three seeds, with means 60, 62, 64 and 63, 65, 64."""
    for name, means in (("full", (60, 62, 64)), ("a_b", (63, 65, 64))):
        for seed, mean in enumerate(means):
            folder = tmp_path / f"{name}-{seed}"
            write_run(folder, [mean - 1.0, mean + 1.0], 2**20)
    return [tmp_path / f"{name}-{n}" for name in ("full", "a_b") for n in range(3)]


def printed(capsys, *words):
    assert compare.main([*map(str, words)]) == 0
    return capsys.readouterr().out


def test_seeds_are_one_row_with_their_interval(seeds):
    """Differences 3, 3, 0: mean 2, deviation sqrt(3), half = 4.303; t = 2, p = 0.184."""
    assert columns_of(seeds, "seeds", "final", "difference", "p") == {
        "full": ("3", "62.0 ± 5.0", "-", "-"),
        "a_b": ("3", "64.0 ± 2.5", "+2.0 ± 4.3", "0.184"),
    }


def test_the_table_of_latex_is_one_of_booktabs(seeds, tmp_path, capsys):
    words = ("--latex", "--columns", "final,difference,p", "-o", tmp_path / "x.pdf")
    text = printed(capsys, *seeds, *words, "--baseline", "a_b")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines == [
        r"\begin{tabular}{lrrr}",
        r"\toprule",
        r"method & nodes (\%) & vs. a\_b & p \\",
        r"\midrule",
        r"full & 62.0 $\pm$ 5.0 & $-$2.0 $\pm$ 4.3 & 0.184 \\",
        r"a\_b & 64.0 $\pm$ 2.5 & - & - \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


def test_markdown_and_csv(seeds, tmp_path, capsys):
    words = [*seeds, "-o", tmp_path / "x.png"]
    text = printed(capsys, *words, "--markdown", "--columns", "final")
    assert [" ".join(line.split()) for line in text.splitlines()][2:] == [
        "| full | 62.0 ± 5.0 |",
        "| a_b | 64.0 ± 2.5 |",
    ]
    rows = [*csv.DictReader(printed(capsys, *words, "--csv").splitlines())]
    assert [row["method"] for row in rows] == ["full", "a_b"]
    assert float(rows[0]["final_half"]) == pytest.approx(4.968, abs=1e-3)
    assert rows[0]["difference"] == ""


def test_a_long_name_is_not_cut(tmp_path, capsys):
    name = "a_name_that_is_longer_than_a_column_of_any_table_" + "x" * 40
    write_run(tmp_path / name, [50.0], 2**20)
    text = printed(capsys, tmp_path / name, "-o", tmp_path / "x.png")
    cells = [line.split("│")[1].strip() for line in text.splitlines() if "│" in line]
    assert name in "".join(cells)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_fits_the_terminal_and_names_stay_whole(seeds, width):
    methods, _ = read_methods(seeds)
    numbers = statistics.compare(methods, target=50)
    cells = compare.text_table(numbers, (), "a name of several words", 50)
    console = Console(width=width, file=io.StringIO())
    for table in compare.tables(cells, width):
        assert console.measure(table).minimum <= width
        console.print(table)
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    parts = len(compare.parts(cells, width))
    assert text.count("│ full ") == text.count("│ a_b ") == parts


def test_the_figure_has_a_line_per_method_and_says_what_was_run(seeds, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        comparison, "rendered", lambda figure, form: drawn.append(figure)
    )
    comparison.draw(read_methods(seeds)[0])
    (figure,) = drawn
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["full", "a_b"]
    assert len({line.get_marker() for line in lines}) == 2  # told apart without color
    assert figure.get_suptitle() == "2 nodes, 3 seeds"
    assert figure.axes[0].get_title("left").endswith("95 % interval over seeds")


def test_accuracy_is_not_drawn_above_100(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        comparison, "rendered", lambda figure, form: drawn.append(figure)
    )
    write_run(tmp_path / "a", [100.0, 90.0], 2**20)
    comparison.draw(read_methods([tmp_path / "a"])[0])
    for axes in drawn[0].axes:
        assert axes.get_ylim() == (0, 100)
        assert all(
            path.vertices[:, 1].max() <= 100
            for band in axes.collections
            for path in band.get_paths()
        )


def test_labels_of_a_logarithmic_axis_do_not_collide(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        comparison, "rendered", lambda figure, form: drawn.append(figure)
    )
    for name, sent in (("a", 3e5), ("b", 3e6), ("c", 2e4)):
        write_run(tmp_path / name, [50.0], sent)
    comparison.draw(read_methods([tmp_path])[0])
    (figure,) = drawn
    figure.draw_without_rendering()
    labels = figure.axes[1].get_xticklabels(which="both")
    boxes = [each.get_window_extent() for each in labels if each.get_text()]
    inside = figure.axes[1].get_window_extent()
    boxes = sorted(
        (b for b in boxes if inside.x0 <= b.x1 and b.x0 <= inside.x1),
        key=lambda b: b.x0,
    )
    assert len(boxes) >= 3
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


MISTAKES = {
    "no folder": (["no"], "no: no such folder"),
    "no results": (["."], "no results here"),
    "baseline": (["full-0", "--baseline", "ful-0"], "did you mean full-0?"),
    "column": (["full-0", "--columns", "finl"], "no such column; did you mean final?"),
    "picture": (["full-0", "-o", "no/x.png"], "No such file"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, seeds, monkeypatch, capsys):
    words, cause = MISTAKES[name]
    empty = seeds[0].parent / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty if name == "no results" else empty.parent)
    assert compare.main(words) == 2
    said = capsys.readouterr()
    assert cause in said.err
    assert len(said.err.splitlines()) == 1
    assert said.out == ""


@pytest.mark.parametrize("text", ["0", "101", "high"])
def test_a_target_is_in_percent(text, seeds, capsys):
    assert compare.main([str(seeds[0]), "--target", text]) == 2
    assert "--target" in capsys.readouterr().err
