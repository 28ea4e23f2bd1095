"""Which entries a node sent; breaks when entries are miscounted, or a basis is no model."""

import json

import pytest

from decentralizepy.errors import DataError
from decentralizepy.figures import shared
from decentralizepy.graphs.Ring import Ring

SHAPES = {"fc.weight": [2, 4], "fc.bias": [2]}


def write(folder, number, indices, **more):
    content = {"order": list(SHAPES), "shapes": SHAPES, str(number - 1): indices}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number}_shared_params.json"
    path.write_text(json.dumps(content | more))
    return path


@pytest.fixture
def folder(tmp_path):
    """Three rounds of rank 0, out of order, with a round between in which all was sent."""
    folder = tmp_path / "shared_params/0"
    for number, indices in ((10, [0, 1]), (2, [0, 9]), (1, [0])):
        write(folder, number, indices, alpha=0.1)
    return folder


def test_entries_are_counted(folder):
    sent = shared.read_sent(folder)
    assert sent.counts.tolist() == [3, 1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert (sent.rounds, sent.shapes) == (3, SHAPES)


def test_a_picture_is_written_and_totals_are_told(folder, capsys):
    assert shared.main([str(folder)]) == 0
    assert (folder / "plots/shared_plot.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.splitlines()[0] == (
        "10 entries in 3 rounds: 5 sent, 16.7% a round; 7 entries never, one 3 times at"
        " most"
    )


def test_coefficients_of_a_basis_may_be_more_than_the_model_has(folder):
    write(folder, 3, [11])
    sent = shared.read_sent(folder)
    assert len(sent.counts) == 12
    assert not shared.draw(sent).axes[0].texts  # the tensors lie elsewhere


def test_coefficients_may_be_fewer_as_the_counter_says(folder):
    """FFT has half as many; the others would count as never sent."""
    write(folder, 2, [5])
    (folder.parent.parent / "0_shared_parameters.json").write_text("[1, 0, 0, 0, 0, 1]")
    assert len(shared.read_sent(folder).counts) == 6


def test_nothing_sent_is_drawn(tmp_path):
    write(tmp_path, 1, [])
    assert shared.main([str(tmp_path)]) == 0


def test_every_count_is_within_the_axes(folder):
    axes = shared.draw(shared.read_sent(folder)).axes[0]
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 3
    assert axes.get_xlim() == (-0.5, 9.5)
    assert [text.get_text() for text in axes.texts] == ["fc.weight", "fc.bias"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"order": [], "shapes": {}, "0": [1]}',
        '{"order": ["a"], "shapes": {"a": "x"}, "0": [1]}',
        '{"order": ["a"], "shapes": {"b": [1]}, "0": [1]}',
        '{"order": ["a"], "shapes": {"a": [3]}}',
        '{"order": ["a"], "shapes": {"a": [3]}, "0": [-1]}',
        '{"order": ["a"], "shapes": {"a": [3]}, "0": ["x"]}',
        '{"order": ["a"], "shapes": {"a": [3]}, "0": [[1]]}',
        '{"order": ["a"], "shapes": {"a": [3]}, "0": [1], "1": [2]}',
    ],
)
def test_a_damaged_file_is_named_and_nothing_is_written(folder, capsys, content):
    path = write(folder, 2, [])
    path.write_text(content)
    assert shared.main([str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"plot_shared: {path}: ")
    assert error.count("\n") == 1
    assert not (folder / "plots").exists()


def test_the_log_folder_is_no_folder_of_a_rank(folder):
    with pytest.raises(DataError, match="expected LOGDIR/shared_params/<rank>"):
        shared.read_sent(folder.parent.parent)


@pytest.mark.parametrize("name", ["PartialModel", "JWINS.FFT", "JWINS.Wavelet"])
def test_what_runs_write_is_read(run_nodes, tmp_path, name):
    """Each round half of the coefficients: of ten, of six, or of more than ten."""
    sharing = {
        "sharing_package": f"decentralizepy.sharing.{name}",
        "sharing_class": name.split(".")[-1],
        "alpha": 0.5,
        "save_shared": True,
    }
    nodes = run_nodes(Ring(3), SHARING=sharing)
    sent = shared.read_sent(tmp_path / "shared_params/1")
    counter = nodes[1].model.shared_parameters_counter
    assert sent.counts.tolist() == counter.tolist()
    assert sent.counts.sum() == 3 * round(0.5 * len(counter))
