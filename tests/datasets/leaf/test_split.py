"""LEAF's files divided by user: nothing lost, and readable by every data set."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from decentralizepy.datasets.leaf.split import file_per_user, main
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear
from tests.support import LIMIT_S, ROOT
from tests.support.leaf import Toy, leaf, write


@pytest.fixture
def folders(tmp_path):
    write(tmp_path / "from", one=leaf(a=[0, 1], b=[2]), two=leaf(c=[]))
    return str(tmp_path / "from"), str(tmp_path / "to")


def test_each_file_holds_one_user(folders):
    """``num_samples`` is a list, which DecentralizePy wrote as a number."""
    file_per_user(*folders)
    written = {path.name: path.read_text() for path in Path(folders[1]).iterdir()}
    assert {name: json.loads(text) for name, text in written.items()} == {
        "a.json": {
            "users": ["a"],
            "num_samples": [2],
            "user_data": {"a": {"x": [[0, 0], [1, 1]], "y": [0, 1]}},
        },
        "b.json": leaf(b=[2]),
        "c.json": leaf(c=[]),
    }


def test_samples_of_any_kind_stay_as_they_are(tmp_path):
    x = [[["a", "é"], ["<PAD>"]], [[0.1, 1e-300, 3]], None]
    y = [{"target_tokens": [["b"]], "count_tokens": [[10**30]]}, True, 2.0]
    data = {"u": {"x": x, "y": y}}
    write(tmp_path / "from", one={"users": ["u"], "user_data": data})
    file_per_user(str(tmp_path / "from"), str(tmp_path / "to"))
    text = (tmp_path / "to" / "u.json").read_text()
    assert json.loads(text)["user_data"] == data
    assert "2.0" in text


def test_a_data_set_reads_what_was_written(folders):
    whole = Toy(0, 0, Linear(1, 1), train_dir=folders[0])
    whole.file_per_user(*folders)
    (Path(folders[1]) / "c.json").unlink()
    nodes = [Toy(rank, 0, Linear(1, 2), train_dir=folders[1]) for rank in range(2)]
    assert [each.get_client_ids() for each in nodes] == [["a"], ["b"]]
    assert Toy(0, 0, Linear(1, 1), test_dir=folders[1]).testset.targets.sum() == 3


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("../up", "..%2Fup.json"),
        ("/etc/x", "%2Fetc%2Fx.json"),
        ("..", "...json"),
        ("KING LEAR_FOOL", "KING LEAR_FOOL.json"),
        ("nul\0", "nul%00.json"),
    ],
)
def test_a_name_never_leaves_the_folder(tmp_path, user, name):
    write(tmp_path / "from", one=leaf(**{user: [1]}))
    file_per_user(str(tmp_path / "from"), str(tmp_path / "to"))
    assert [path.name for path in (tmp_path / "to").iterdir()] == [name]
    assert {path.name for path in tmp_path.iterdir()} == {"from", "to"}


def line(source, target):
    with pytest.raises(DataError) as caught:
        file_per_user(str(source), str(target))
    return str(caught.value).replace(str(source), "FROM").replace(str(target), "TO")


def test_a_user_in_two_files_is_not_overwritten(folders):
    write(Path(folders[0]), two=leaf(b=[1]))
    assert line(*folders) == "FROM/two.json: user b is also in FROM/one.json"


def test_what_cannot_be_done_is_told(folders, tmp_path):
    source, target = folders
    assert (
        line(tmp_path / "none", target) == "FROM: not a folder with LEAF's *.json files"
    )
    assert line(source, source) == "FROM: is also the output folder"
    Path(target).write_text("in the way")
    assert line(source, target).endswith("TO/a.json: cannot be written: File exists")
    (Path(source) / "two.json").write_text("{")
    assert line(source, tmp_path / "free").startswith("FROM/two.json: Invalid JSON")


def test_the_command(folders, capsys):
    assert main(list(folders)) == 0
    assert main([folders[0], folders[0]]) == 2
    assert capsys.readouterr().err == f"{folders[0]}: is also the output folder\n"


@pytest.mark.processes
def test_the_script_runs(folders):
    words = [sys.executable, "split_into_files.py", *folders]
    subprocess.run(words, cwd=ROOT, check=True, timeout=LIMIT_S)
    assert (Path(folders[1]) / "a.json").exists()
