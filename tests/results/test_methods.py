"""Breaks when runs of different methods are averaged, or seeds of one are not."""

import json

import pytest

from decentralizepy.errors import DataError
from decentralizepy.results.methods import read_methods
from tests.support.result_files import results, write


def make(folder, accuracy=40.0, **more):
    write(folder / "machine0/0_results.json", results(accuracy=accuracy, **more))


def found(*folders):
    methods, remarks = read_methods(folders)
    assert remarks == []
    return {each.name: each.seeds for each in methods}


def test_names_that_only_differ_in_a_seed_are_one_method(tmp_path):
    for name in ("jwins-2", "jwins-1", "full,seed=7", "full,seed=8", "other-3"):
        make(tmp_path / name)
    assert found(tmp_path) == {"full": (7, 8), "jwins": (1, 2), "other-3": (3,)}


def test_names_with_another_number_are_not(tmp_path):
    for name in ("alpha=0.1", "alpha=0.2", "nodes16", "nodes64"):
        make(tmp_path / name)
    assert set(found(tmp_path)) == {"alpha=0.1", "alpha=0.2", "nodes16", "nodes64"}


def log_folder(path, machine):
    write(path / "0_results.json", results())
    parts = {"configuration": {}, "seeds": {}, "flags": {"machine_id": machine}}
    write(path / "manifest.json", parts)


def test_log_folders_beside_each_other_are_several_runs(tmp_path):
    """As after ``-ld runs/full`` and ``-ld runs/jwins``: no folder is of a machine."""
    for name in ("full", "jwins"):
        log_folder(tmp_path / name, machine=0)
    assert found(tmp_path) == {"full": (0,), "jwins": (0,)}


def test_those_of_several_machines_are_one_run(tmp_path):
    for number in (0, 1):
        log_folder(tmp_path / f"run/machine{number}", machine=number)
    assert found(tmp_path / "run") == {"run": (0,)}


def test_a_repeated_run_is_left_out_of_a_sweep(tmp_path):
    for name in ("machine0", "machine0-rerun"):
        log_folder(tmp_path / "jwins" / name, machine=0)
    (method,), _ = read_methods([tmp_path])
    assert list(method.runs[0].nodes) == ["machine0/0"]


def test_seeds_alone_are_called_like_their_folder(tmp_path):
    for name in ("seed90", "seed91"):
        make(tmp_path / "mine" / name)
    assert found(tmp_path / "mine") == {"mine": (90, 91)}


def manifest(folder, seed, alpha=0.1, started="", **flags):
    content = {
        "started": started,
        "seeds": {"DATASET.random_seed": seed},
        "configuration": {
            "DATASET": {"random_seed": seed},
            "SHARING": {"alpha": alpha},
            "COMMUNICATION": {"offset": 9000 + seed},
            "RUN": {},
        },
        "flags": {"log_dir": str(folder), "iterations": 3, **flags},
    }
    write(folder / "machine0/manifest.json", content)


def test_a_manifest_counts_more_than_a_name(tmp_path):
    for name, seed, alpha in (("a-1", 5, 0.1), ("a-2", 6, 0.1), ("a-3", 7, 0.2)):
        make(tmp_path / name)
        manifest(tmp_path / name, seed, alpha)
    make(tmp_path / "b")
    manifest(tmp_path / "b", 8)
    names = found(tmp_path)
    assert names == {
        "a-1": (5, 6, 8),
        "a-3": (7,),
    }  # b has another name, so no common one


def test_a_run_that_is_there_twice_is_no_second_seed(tmp_path):
    for name in ("a", "a-rerun"):
        make(tmp_path / name)
        manifest(tmp_path / name, 5)
    assert found(tmp_path) == {"a": (5,), "a-rerun": (5,)}


def test_points_of_a_sweep_are_in_its_order_and_groups(tmp_path):
    points = [("full", 1), ("full", 2), ("alpha=0.1", 1), ("alpha=0.1", 2)]
    for group, seed in points:
        folder = tmp_path / f"{group},seed={seed}"
        make(folder)
        write(folder / "point.json", {"group": group, "seed": seed})
    names = [f"{group},seed={seed}" for group, seed in points]
    write(tmp_path / "sweep.json", {"points": names})
    assert list(found(tmp_path).items()) == [("full", (1, 2)), ("alpha=0.1", (1, 2))]


def test_other_runs_are_in_the_order_of_their_start(tmp_path):
    for name, seed in (("a", 1), ("b", 2), ("c", 3)):
        make(tmp_path / name)
        start = f"2026-01-0{5 - seed}T00:00:00+00:00"
        manifest(tmp_path / name, seed, alpha=seed / 10, started=start)
    assert list(found(tmp_path)) == ["c", "b", "a"]


def test_the_order_is_that_of_the_command_line(tmp_path):
    for name in ("a", "b"):
        make(tmp_path / name)
    assert list(found(tmp_path / "b", tmp_path / "a")) == ["b", "a"]


def test_a_seed_that_ended_early_is_left_out_and_told(tmp_path):
    make(tmp_path / "a-1")
    make(tmp_path / "a-2")
    make(tmp_path / "a-3", rounds=2)
    methods, remarks = read_methods([tmp_path])
    assert [each.seeds for each in methods] == [(1, 2)]
    assert remarks == ["a-3: ends in round 2 of 3, so it is left out"]


def test_what_does_not_compare_is_told(tmp_path):
    make(tmp_path / "a", rounds=5)
    make(tmp_path / "b")
    for name, data in (("a", "Digits"), ("b", "CIFAR10")):
        content = {"class": data, "generated": False}
        write(tmp_path / name / "machine0/dataset.json", content)
    _, remarks = read_methods([tmp_path])
    assert remarks == [
        "different data (CIFAR10, Digits): these accuracies do not compare",
        "different numbers of rounds (a 5, b 3): compare at equal bytes",
    ]


def test_an_interval_is_over_seeds_by_students_t(tmp_path):
    """60, 62, 64: deviation 2, t(0.975; 2) = 4.303, half = 4.303 x 2 / sqrt(3) = 4.97."""
    for seed, accuracy in enumerate((60.0, 62.0, 64.0)):
        make(tmp_path / f"a-{seed}", accuracy)
    (method,), _ = read_methods([tmp_path])
    (row,) = method.spread("test_acc").to_dict("records")
    assert row["mean"] == 62
    assert row["std"] == pytest.approx(4.968, abs=1e-3)
    assert (row["low"], row["high"]) == pytest.approx((57.032, 66.968), abs=1e-3)


def test_a_band_of_accuracies_ends_at_100(tmp_path):
    for seed, accuracy in enumerate((95.0, 99.0)):
        make(tmp_path / f"a-{seed}", accuracy)
    (method,), _ = read_methods([tmp_path])
    assert method.spread("test_acc")["high"].max() == 100
    assert method.spread("total_bytes")["high"].max() == 3000


def test_a_damaged_record_is_told(tmp_path):
    make(tmp_path / "a")
    (tmp_path / "a/point.json").write_text("{")
    with pytest.raises(DataError, match=r"point\.json: damaged"):
        read_methods([tmp_path])
    (tmp_path / "a/point.json").write_text(json.dumps({"seed": None}))
    assert found(tmp_path / "a") == {"a": (0,)}


def test_options_of_the_data_that_differ_are_named(tmp_path):
    for name, shards, seed in (("a", 2, 1), ("b", 4, 2)):
        make(tmp_path / name)
        manifest(tmp_path / name, seed)
        path = tmp_path / name / "machine0/manifest.json"
        content = json.loads(path.read_text())
        content["configuration"]["DATASET"]["shards"] = shards
        write(path, content)
    _, remarks = read_methods([tmp_path])
    assert remarks == ["different data ([DATASET] shards = 2, 4)"]


def test_a_last_test_of_a_few_nodes_is_told(tmp_path):
    write(tmp_path / "a/m/0_results.json", results(tested=(1, 3)))
    write(tmp_path / "a/m/1_results.json", results(rounds=2, tested=(1,)))
    _, remarks = read_methods([tmp_path])
    assert remarks == ["a: the last test is of 1 of 2 nodes"]
