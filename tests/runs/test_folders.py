"""Breaks when a run mixes its results with another's, or destroys what it must not."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.runs import folders

RESULTS = ("0_results.json", "0_results.jsonl", "5_results.json", "5_results.jsonl")
LEFT = (*RESULTS, "5_shared_parameters.json")


@pytest.fixture
def used(tmp_path):
    """A folder that holds a run of which one node, 5, has no successor."""
    for name in LEFT:
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "notes.txt").write_text("the user's own")
    (tmp_path / "checkpoints" / "0").mkdir(parents=True)
    return tmp_path


def test_results_of_another_run_are_refused_and_stay(used):
    with pytest.raises(ConfigError) as error:
        folders.clear(used, [0, 1], overwrite=False)
    assert str(error.value) == (
        f"--log_dir {used}: contains the results of another run, such as 0_results.json:"
        f" --overwrite replaces it, --resume {used} continues it"
    )
    assert all((used / name).exists() for name in LEFT)


def test_resume_is_offered_only_where_it_can_be(used):
    (used / "checkpoints" / "0").rmdir()
    (used / "checkpoints").rmdir()
    with pytest.raises(ConfigError, match=r"--overwrite replaces it$"):
        folders.clear(used, [0], overwrite=False)


@pytest.mark.parametrize("kept", RESULTS)
def test_one_file_with_results_is_enough(tmp_path, kept):
    (tmp_path / kept).write_text('{"round": 1}\n')
    with pytest.raises(ConfigError, match=kept):
        folders.clear(tmp_path, [0], overwrite=False)


def test_overwrite_removes_the_other_run_and_nothing_else(used):
    folders.clear(used, [0], overwrite=True)
    assert os.listdir(used) == ["notes.txt"]


def test_a_run_that_measured_nothing_is_no_obstacle(tmp_path):
    """It has ended at the start barrier: its lines are empty, its JSON has no numbers."""
    for rank in (0, 1):
        (tmp_path / f"{rank}_results.jsonl").touch()
        (tmp_path / f"{rank}_results.json").write_text('{"test_acc": {}}')
    folders.clear(tmp_path, [0], overwrite=False)
    assert {path.name[0] for path in tmp_path.iterdir()} == {"1"}  # another machine's


def test_results_that_nodes_share_are_results(tmp_path):
    shared = tmp_path / "results.jsonl"
    shared.write_text('{"rank": 0, "kept": 0}\n')  # it has ended at the start barrier
    folders.clear(tmp_path, [0], overwrite=False)
    assert not shared.exists()
    shared.write_text('{"rank": 0, "round": 1}\n')
    with pytest.raises(ConfigError, match=r"such as results\.jsonl"):
        folders.clear(tmp_path, [0], overwrite=False)
    folders.clear(tmp_path, [0], overwrite=True)
    assert not shared.exists()


def test_a_folder_is_made_and_tried(tmp_path):
    folders.make("--log_dir", tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"^--log_dir .*/file/x: Not a directory$"):
        folders.make("--log_dir", tmp_path / "file" / "x")


def test_many_may_try_a_folder_at_the_same_time(tmp_path):
    """Machines share the folder of weights; one took the other's file away."""
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda _: folders.make("--log_dir", tmp_path / "shared"), range(400)
            )
        )
    assert not list((tmp_path / "shared").iterdir())


@pytest.mark.parametrize(
    "name",
    [
        "0.log",
        "args.json",
        "dataset.json",
        "-1_results.jsonl",
        "results.jsonl",
        "results.png",
        "3_weight_0.pt",
        "checkpoints/0/8.safetensors",
    ],
)
def test_a_file_that_a_run_reads_is_not_written_over(tmp_path, name):
    own = tmp_path / name
    own.parent.mkdir(parents=True, exist_ok=True)
    own.touch()
    with pytest.raises(ConfigError, match=f"{own} is read by this run, which would"):
        folders.spare(tmp_path, [own], [own])


def test_what_a_link_in_the_log_folder_points_to_is_not_written_over(tmp_path):
    (tmp_path / "run.ini").touch()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "args.json").symlink_to(tmp_path / "run.ini")
    with pytest.raises(ConfigError, match=r"over it as \S+/logs/args.json"):
        folders.spare(tmp_path / "logs", [tmp_path / "run.ini"])


def test_the_copy_of_one_file_does_not_replace_another(tmp_path):
    """The graph file is elsewhere, and has the name of the address file here."""
    (tmp_path / "there").mkdir()
    graph, addresses = tmp_path / "there" / "ring", tmp_path / "ring"
    graph.touch(), addresses.touch()
    with pytest.raises(ConfigError, match=f"^{addresses} is read by this run"):
        folders.spare(tmp_path, [graph, addresses], [graph])


def test_a_run_may_start_from_files_in_its_own_folder(tmp_path):
    inputs = [tmp_path / "run.ini", tmp_path / "ring.edges"]
    for path in inputs:
        path.touch()
    folders.spare(tmp_path, inputs, inputs)
