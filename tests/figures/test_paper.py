"""Breaks when a figure for a paper cannot be printed, or does not say what it shows."""

import re
import zlib

import pytest

from decentralizepy.commands import plot
from decentralizepy.figures import paper
from decentralizepy.results.methods import read_methods
from tests.support.result_files import results, write


def manifest(**sharing):
    sections = {"SHARING": {"compression_class": None, **sharing}, "RUN": {}}
    return {"configuration": sections, "flags": {}, "seeds": {}}


@pytest.fixture
def runs(tmp_path):
    """Three methods, of which the first has two seeds."""
    settings = {
        "a-1": {"sharing_class": "Sharing"},
        "a-2": {"sharing_class": "Sharing"},
        "b": {"sharing_class": "PartialModel", "alpha": 0.1},
        "c": {"sharing_class": "PartialModel", "alpha": 0.2},
    }
    for number, (name, sharing) in enumerate(settings.items()):
        content = {**manifest(**sharing), "seeds": {"DATASET.random_seed": number}}
        write(tmp_path / name / "manifest.json", content)
        for rank in (0, 1):
            row = results(accuracy=99.0 - 5 * number + rank, tested=(1, 2, 3))
            write(tmp_path / name / f"{rank}_results.json", row)
    return [tmp_path / name for name in settings]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are drawn."""
    figures = []
    monkeypatch.setattr(
        paper, "rendered", lambda figure, *form, dpi: figures.append(figure) or b""
    )
    return figures


def test_the_legend_is_what_differs_and_what_the_bands_are(runs, drawn):
    methods, _ = read_methods(runs)
    paper.draw(methods, "bytes", "test_acc")
    (figure,) = drawn
    assert [each.get_text() for each in figure.legends[0].texts] == [
        "Sharing",
        "PartialModel, alpha=0.1",
        "PartialModel, alpha=0.2",
        "95 % interval, 2 seeds",
        "±1 std over nodes",
    ]
    assert figure.get_figwidth() == 3.4
    axes = figure.axes[0]
    assert axes.get_ylim()[1] <= 100
    assert axes.get_xlabel() == "sent per node (KiB)"
    named = [line for line in axes.get_lines() if line.get_label()[0] != "_"]
    assert named[0].get_xdata() == pytest.approx(
        [1000 / 1024, 2000 / 1024, 3000 / 1024]
    )
    assert len({line.get_marker() for line in named}) == 3  # apart without color
    assert len({str(line._dash_pattern) for line in named}) == 3


def test_a_metric_over_all_nodes_has_no_band(tmp_path, drawn):
    for rank in (0, 1):
        row = results(sketch={"2": [float(rank)], "3": [2.0 * rank]})
        write(tmp_path / f"{rank}_results.json", row)
    paper.draw(read_methods([tmp_path])[0], "seconds", "consensus_distance", "page")
    (line,) = drawn[0].axes[0].get_lines()
    assert line.get_ydata().tolist() == [0.5, 1.0]
    assert line.get_xdata().tolist() == [1.0, 1.5]
    assert len(drawn[0].legends[0].texts) == 1


def test_fonts_are_embedded_as_truetype(runs, tmp_path):
    words = [*map(str, runs), "--y", "test_loss", "-o", str(tmp_path / "x.pdf")]
    assert plot.main(words) == 0
    content = (tmp_path / "x.pdf").read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.S)
    objects = content + b"".join(map(inflated, streams))
    assert b"/FontFile2" in objects
    assert b"/Type3" not in objects


def inflated(stream):
    try:
        return zlib.decompress(stream)
    except zlib.error:
        return b""


MISTAKES = {
    "metric": (["--y", "tets_acc"], "no run has this metric; did you mean test_acc?"),
    "form": (["--y", "test_acc", "-o", "x.bmp"], "ends in .pdf, .png or .svg"),
    "alone": (["--x", "bytes"], "--x and --width are for the one figure"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(runs, name, capsys):
    words, cause = MISTAKES[name]
    assert plot.main([str(runs[0]), *words]) == 2
    said = capsys.readouterr().err
    assert cause in said
    assert len(said.splitlines()) == 1
