"""Breaks when a run that is too large starts, a small one is refused, or a finding is lost."""

import resource
from argparse import Namespace
from types import SimpleNamespace

import pytest

from decentralizepy.communication.IPC import IPC
from decentralizepy.errors import ConfigError
from decentralizepy.factory import Part
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.OnePeerExponential import OnePeerExponential
from decentralizepy.graphs.Ring import Ring
from decentralizepy.machine import Free, Machine
from decentralizepy.mappings.Linear import Linear
from decentralizepy.runs import preflight
from decentralizepy.runs.preflight import Load

MIB = 1 << 20


def test_nodes_need_a_share_each_and_copies_of_the_model(experiment):
    """4 x (20 MiB + 10 models of 16 MiB) are 720 MiB."""
    load = Load.of(experiment, 16 * MIB, "process")
    said = [*preflight.memory(load, 16 * MIB, Free(719 * MIB, "MemAvailable"))]
    assert said == [
        "memory: 4 nodes need about 720.0 MiB, 180.0 MiB each (a model has 16.0 MiB), but"
        " 719.0 MiB are free (MemAvailable)"
    ]
    assert not [*preflight.memory(load, 16 * MIB, Free(720 * MIB, ""))]
    assert not [*preflight.memory(load, 16 * MIB, None)]


def test_threads_count_as_processes():
    load = Load(16, 16, 0, 0, "")
    said = [*preflight.threads(load, Free(95, "pids.max"))]
    assert said == [
        "processes: 16 nodes need about 96 processes and threads, but 95 more are"
        " allowed (pids.max)"
    ]
    assert not [*preflight.threads(load, Free(96, ""))]
    assert not [*preflight.threads(load, None)]


def test_files_are_those_of_the_process_that_needs_the_most(experiment, monkeypatch):
    monkeypatch.setattr(preflight.descriptors, "opened_here", lambda: 10)
    experiment.ranks, experiment.graph = [*range(100)], FullyConnected(100)
    experiment.mapping = Linear(1, 100)
    load = Load.of(experiment, 1, "process")
    said = [*preflight.files(load, load.files - 1)]
    assert said == [
        f"open files: a node with 99 peers, one of 100 on this machine, needs {load.files}"
        f" files and sockets, but {load.files - 1} are allowed (ulimit -Hn)"
    ]
    assert not [*preflight.files(load, load.files)]
    assert not [*preflight.files(load, resource.RLIM_INFINITY)]


def test_nodes_that_share_processes_need_less(experiment):
    """Two workers with 500 nodes each: 2 x 20 MiB, and half a MiB per node."""
    experiment.ranks, experiment.graph = [*range(1000)], Ring(1000)
    experiment.args.workers = 2
    load = Load.of(experiment, 0, "packed")
    assert load.processes == 2
    assert load.memory == 540 * MIB
    assert load.files == 32 + 2 * 500
    (said,) = preflight.files(load, 1000)
    assert said.startswith("open files: a process with 500 nodes needs 1032 files")
    assert Load.of(experiment, MIB, "packed").memory == (540 + 8 * 1000) * MIB
    assert Load.of(experiment, 0, "debug").processes == 1


def test_small_models_fit_a_thousand_processes_into_twenty_gib(experiment):
    """Breaks when a node is counted with much more than it takes."""
    experiment.ranks, experiment.graph = [*range(1024)], Ring(1024)
    experiment.mapping = Linear(1, 1024)
    assert Load.of(experiment, 4 * 4810, "process").memory < 21 * 1024 * MIB


@pytest.fixture
def experiment(tmp_path):
    """Four nodes in a ring, as an experiment has them."""
    args = Namespace(
        log_dir=str(tmp_path / "logs"),
        weights_store_dir=str(tmp_path / "logs" / "weights"),
        iterations=1000,
        machines=1,
        machine_id=0,
        engine="process",
        workers=0,
    )
    return SimpleNamespace(
        args=args,
        ranks=[0, 1, 2, 3],
        graph=Ring(4),
        mapping=Linear(1, 4),
        free_ports={},
        launchers={},
        node_class=object,
        service_class=None,
        config={},
        parts={"COMMUNICATION": Part(IPC, {})},
    )


@pytest.fixture
def free(monkeypatch):
    """Return a function that says how many bytes of the disk are free."""

    def free(count):
        monkeypatch.setattr(
            preflight.shutil, "disk_usage", lambda path: SimpleNamespace(free=count)
        )

    return free


def test_what_is_written_to_one_disk_is_added_up(experiment, free):
    """4 x 1000 rounds of 300 bytes and 4 models of 1 MiB: 5.1 MiB."""
    free(4 * 1000 * 300 + 4 * MIB)
    assert not [*preflight.disk(experiment, MIB)]
    free(4 * 1000 * 300 + 4 * MIB - 1)
    (said,) = preflight.disk(experiment, MIB)
    logs = experiment.args.log_dir
    assert said == (
        f"disk: {logs} and {logs}/weights need about 5.1 MiB, but 5.1 MiB are free"
    )


@pytest.mark.parametrize(("every", "kept"), [(10, 3), (400, 2), (2000, 0)])
def test_checkpoints_need_room_while_they_are_kept(experiment, free, every, kept):
    experiment.args.checkpoint_every = every
    need = 4 * (1000 * 300 + MIB + kept * 2 * MIB)
    free(need)
    assert not [*preflight.disk(experiment, MIB)]
    free(need - 1)
    assert [*preflight.disk(experiment, MIB)]


class OnDemand:
    server_driven = True


def test_models_of_a_changing_graph_are_those_of_a_round(experiment):
    experiment.graph = OnePeerExponential(8)
    assert preflight.models(experiment) == 8 + 2  # sends to one, hears another


def test_models_come_from_those_who_send(experiment):
    assert preflight.models(experiment) == 8 + 2
    experiment.graph = FullyConnected(96)
    assert preflight.models(experiment) == 8 + 95
    experiment.config["NODE"] = {"graph_degree": 4}  # epidemic learning draws four
    assert preflight.models(experiment) == 8 + 4
    experiment.node_class = OnDemand
    assert preflight.models(experiment) == 8 + 2


@pytest.fixture
def no_room(experiment, monkeypatch):
    """An experiment for which memory, processes, files and disk are all too small."""
    monkeypatch.setattr(Machine, "memory", lambda machine: Free(1, "MemAvailable"))
    monkeypatch.setattr(Machine, "threads", lambda machine: Free(1, "pids.max"))
    monkeypatch.setattr(preflight, "raise_limit", lambda kind: 1)
    monkeypatch.setattr(preflight.resource, "getrlimit", lambda kind: (1, 1))
    usage = SimpleNamespace(free=1)
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda path: usage)
    return experiment


def test_all_that_is_wrong_is_said_at_once(no_room):
    with pytest.raises(ConfigError) as error:
        preflight.check(no_room, 10)
    lines = str(error.value).split("\n")
    kinds = [line.split(":")[0] for line in lines]
    assert kinds[:2] == ["memory", "processes"]
    assert kinds[-2:] == ["open files", "disk"]
    assert all(line.endswith("; --force starts anyway") for line in lines)


def test_another_engine_is_named_for_what_it_has_enough_of(no_room, monkeypatch):
    """Memory for two workers of two nodes, but no more files or room on the disk."""
    no_room.args.workers = 2
    monkeypatch.setattr(Machine, "memory", lambda machine: Free(43 * MIB, ""))
    with pytest.raises(ConfigError) as error:
        preflight.check(no_room, 10)
    memory, *others = str(error.value).split("\n")
    assert memory.startswith("memory: 4 nodes need about 80.0 MiB")
    assert memory.endswith("; --engine packed does with less, --force starts anyway")
    assert not any("packed" in line for line in others)


@pytest.mark.parametrize("name", ["engine", "machines", "class"])
def test_no_engine_is_named_that_cannot_run_it(no_room, monkeypatch, name):
    monkeypatch.setattr(Machine, "memory", lambda machine: Free(43 * MIB, ""))
    if name == "class":
        no_room.parts["COMMUNICATION"] = Part(type("Own", (IPC,), {}), {})
    else:
        setattr(no_room.args, name, {"engine": "packed", "machines": 2}[name])
    with pytest.raises(ConfigError) as error:
        preflight.check(no_room, 10)
    assert "packed" not in str(error.value)


def test_force_makes_them_warnings(no_room, capsys):
    no_room.args.force = True
    preflight.check(no_room, 10)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 4
    assert all(line.startswith("warning: ") for line in lines)
    assert not any("--force" in line for line in lines)


def test_a_small_run_has_room_here(experiment):
    assert preflight.examine(experiment, 10) == []
