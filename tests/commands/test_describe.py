"""``decentralizepy data describe``: breaks when counts are wrong or nothing is drawn."""

import io

import numpy as np
import pytest

from decentralizepy.commands import describe
from decentralizepy.commands.data import main
from decentralizepy.datasets.generated import mark
from decentralizepy.errors import ConfigError
from decentralizepy.figures.census import Census, draw, frequent
from tests.support.toy import CONFIG

DIGITS = "eval/config_digits.ini"
POINTS = CONFIG["DATASET"]


def census(labels):
    labels = np.array(labels)
    return Census("Toy", labels.sum(axis=1), np.array([7] * len(labels)), labels)


def cells(table):
    return [[str(cell) for cell in column.cells] for column in table.columns]


def pixels(picture):
    from matplotlib.image import imread

    return imread(io.BytesIO(picture))


def test_every_node_is_counted():
    found = describe.take(POINTS, describe.make_nodes({}, "", 4))
    assert found.name == "Points"
    assert found.samples.tolist() == [16] * 4
    assert found.tests.tolist() == [64] * 4
    assert found.labels.shape == (4, 2)
    assert found.labels.sum(axis=1).tolist() == [16] * 4


def test_the_table_says_what_the_counts_come_down_to():
    names, values = cells(describe.table(census([[3, 0, 1], [0, 0, 2]])))
    assert dict(zip(names[:3], values[:3], strict=True)) == {
        "nodes": "2",
        "training samples": "6",
        "of a node": "2 to 4, mean 3.0",
    }
    assert values[3:] == ["2 of 3", "1 to 2, mean 1.5", "7"]


@pytest.mark.parametrize(
    "shape", [(1, 1), (8, 2), (64, 10), (64, 62), (3, 9999)], ids=str
)
def test_the_picture_grows_with_nodes_and_classes(shape):
    drawn = pixels(draw(census(np.ones(shape, int))))
    height, width = drawn.shape[:2]
    assert width == pytest.approx(200 * (1 + min(max(0.3 * shape[0], 4), 14)), abs=2)
    assert height == pytest.approx(200 * (1.8 + min(0.3 * shape[1], 10)), abs=2)


def test_the_more_samples_the_more_ink():
    few, many = (
        (pixels(draw(census([[n, 16], [16, 16]])))[..., :3] < 0.5).sum() for n in (1, 9)
    )
    assert few < many


def test_rare_classes_share_a_row():
    labels = np.ones((2, 100), int)
    labels[:, 70] = 5
    rows = frequent(labels)
    assert len(rows) == 62
    assert rows["70"].tolist() == [5, 5]
    assert rows["other"].tolist() == [39, 39]


def test_labels_that_are_no_classes_are_left_out():
    found = Census("Toy", np.array([1, 2]), np.array([1, 2]), None)
    assert cells(describe.table(found))[1] == [
        *("2", "3", "1 to 2, mean 1.5"),
        "1 to 2, mean 1.5",
    ]
    assert pixels(draw(found)).shape[:2] == (360, 1000)


def test_the_command_prints_and_draws(tmp_path, capsys):
    picture = tmp_path / "a.png"
    assert main(["describe", DIGITS, "-o", str(picture)]) == 0
    out = capsys.readouterr().out
    assert "Digits" in out
    assert "1,438" in out
    assert f"{picture} written" in out.replace("\n", "")
    assert pixels(picture.read_bytes()).shape[1] == 1160  # 16 nodes, as [RUN] says


def test_generated_data_are_called_so(tmp_path):
    mark(tmp_path, 1)
    section = {**POINTS, "train_dir": str(tmp_path)}
    assert describe.take(section, describe.make_nodes({}, "", 2)).name == (
        "Points (generated)"
    )


def test_no_nodes_are_refused():
    with pytest.raises(ConfigError, match=r"^--nodes 0: expected at least 1$"):
        describe.make_nodes({}, "", 0)
