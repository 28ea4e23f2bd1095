"""How far entries move; breaks when rounds are mixed up or a ratio is of other entries."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as arrays

from decentralizepy.figures import changes
from decentralizepy.graphs.Ring import Ring


def write(folder, number, tensor):
    folder.mkdir(parents=True, exist_ok=True)
    content = {"order": ["a"], "shapes": {"a": [len(tensor)]}, "tensor": tensor}
    path = folder / f"{number}.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def logs(tmp_path):
    """Changes of rounds 2 and 10 of rank 0, and values of round 10."""
    write(tmp_path / "model_change/0", 2, [1.0, -2.0, 0.0])
    write(tmp_path / "model_change/0", 10, [3.0, -4.0, 0.0])
    write(tmp_path / "model_val/0", 10, [1.0, 8.0, 0.0])
    return tmp_path


def pngs(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")}


def test_upstreams_pictures_are_written(logs):
    assert changes.main([str(logs), "0"]) == 0
    assert pngs(logs) == {
        "plots/0/change_2.png",
        "plots/0/change_10.png",
        "plots/0/value_10.png",
        "plots_ratio/0/10.png",
    }


def test_without_values_the_changes_are_drawn(tmp_path, capsys):
    """As a run without model_val leaves it; upstream ended with a traceback."""
    write(tmp_path / "model_change/0", 1, [1.0, 2.0])
    assert changes.main([str(tmp_path), "0"]) == 0
    assert pngs(tmp_path) == {"plots/0/change_1.png"}
    assert "no ratios" in capsys.readouterr().out


def test_a_rank_that_has_none_is_one_line(logs, capsys):
    assert changes.main([str(logs), "1"]) == 2
    error = capsys.readouterr().err
    assert "no model_change/1/<round>.json here" in error
    assert "save_accumulated = true" in error


def test_a_rank_is_a_number(logs, capsys):
    with pytest.raises(SystemExit) as error:
        changes.main([str(logs), "first"])
    assert error.value.code == 2
    assert "RANK" in capsys.readouterr().err


def test_changes_and_values_are_of_the_same_model(logs, capsys):
    write(logs / "model_val/0", 2, [1.0])
    assert changes.main([str(logs), "0"]) == 2
    assert "round 2 of rank 0: 3 changes of 1 values" in capsys.readouterr().err
    assert not pngs(logs)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"tensor": "x"}', '{"tensor": []}']
)
def test_a_damaged_file_is_named(logs, capsys, content):
    path = logs / "model_change/0/2.json"
    path.write_text(content)
    assert changes.main([str(logs), "0"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"plot_model: {path}: ")
    assert error.count("\n") == 1


def test_ratios_leave_out_zeros_and_the_largest():
    """100 ratios 0.01 to 1: the last is left out, and where the value is 0."""
    numerators, values = np.arange(1.0, 102), np.full(101, -100.0)
    values[100] = 0
    found = changes.ratios(numerators, values)
    assert found[:99] == pytest.approx(np.arange(1, 100) / 100)
    assert np.isnan(found[99:]).all()


@given(arrays.arrays(float, (2, 50), elements=st.floats(width=32)))
def test_any_model_has_ratios(numbers):
    """Diverged ones too: what is no number, or too large, is left out."""
    found = changes.ratios(*numbers)
    assert len(found) == 50
    assert not np.isinf(found).any()


@pytest.mark.parametrize(
    "values", [[0.0, 0.0], [np.nan, 1.0], [np.inf, -np.inf], [1e-38, 3e38], [5.0]]
)
def test_odd_values_are_drawn(values):
    changes.rendered(changes.draw(np.array(values), "change", ""))


def test_sizes_fall_and_what_did_not_move_is_left_out():
    drawn = changes.draw(np.array([1.0, -4.0, 0.0, 2.0]), "change", "")
    (line,) = drawn.axes[1].lines
    assert line.get_ydata().tolist() == [4, 2, 1]
    assert line.get_xdata().tolist() == [25, 50, 75]


@pytest.mark.parametrize("name", ["PartialModel", "JWINS.FFT"])
def test_what_runs_write_is_read(run_nodes, tmp_path, name):
    sharing = {
        "sharing_package": f"decentralizepy.sharing.{name}",
        "sharing_class": name.split(".")[-1],
        "alpha": 0.5,
        "save_accumulated": True,
    }
    run_nodes(Ring(3), SHARING=sharing)
    assert changes.main([str(tmp_path), "2"]) == 0
    assert {f"plots/2/change_{n}.png" for n in (1, 2, 3)} <= pngs(tmp_path)
