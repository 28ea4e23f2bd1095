"""Breaks when a mistake in a sweep shows after hours, or what is done is run again."""

import dataclasses
from pathlib import Path

import pytest

from decentralizepy.config.assignments import parsed
from decentralizepy.errors import ConfigError
from decentralizepy.sweeps import plan, points
from decentralizepy.sweeps.points import Point


@pytest.fixture
def planned(experiment, tmp_path):
    """Return a function that plans a sweep of the toy in the folder ``sweep``."""

    run = experiment()
    words = ["--config_file", run[run.index("-cf") + 1], "--iterations", "2"]

    def planned(*texts, overwrite=False):
        found = points.grid(points.axes(texts), [])
        return plan.plan(found, words, tmp_path / "sweep", overwrite)

    return planned


def test_all_points_are_checked_and_a_mistake_is_told_once(planned):
    with pytest.raises(ConfigError) as caught:
        planned("SHARING.sharing_class=SubSampling,Sharing", "SHARING.alpha=0.1,0.2")
    (line,) = str(caught.value).splitlines()
    assert line.startswith("--set: [SHARING] alpha: not an option of Sharing")
    assert line.endswith("(2 of 4 points, such as Sharing,alpha=0.1)")


def test_the_nearest_name_is_told(planned):
    with pytest.raises(ConfigError, match=r"momentm.*did you mean momentum\?$"):
        planned("OPTIMIZER_PARAMS.momentm=0.1,0.2")
    with pytest.raises(ConfigError, match=r"\[SHRING\].*did you mean \[SHARING\]\?"):
        planned("SHRING.alpha=0.1,0.2")


def test_points_that_are_the_same_run_are_refused(planned):
    with pytest.raises(ConfigError, match="iterations=3 and iterations=4 are the same"):
        planned("RUN.iterations=3,4")  # the flag wins


def test_a_key_that_changes_nothing_is_told_once(planned, capsys):
    planned("OPTIMIZER_PARAMS.lr=0.2", "DATASET.random_seed=3,4")
    told = capsys.readouterr().err.splitlines()
    reason = "changes nothing: the file has this value"
    assert told == [f"warning: --set OPTIMIZER_PARAMS.lr=0.2: {reason}"]


def record(job, **changes):
    job.folder.mkdir(parents=True, exist_ok=True)
    dataclasses.replace(job.record, **changes).write(job.folder)


def test_only_what_is_done_is_left_out(planned):
    first, second, third = planned("DATASET.random_seed=3,4,5")
    record(first, status="done", seconds=15.2)
    record(second, status="failed", exit_status=1)
    record(third)
    again = planned("DATASET.random_seed=3,4,5,6")
    assert [job.done for job in again] == [True, False, False, False]
    assert [job.record.seconds for job in again] == [15.2, 0, 0, 0]  # for the table
    assert not any(
        job.done for job in planned("DATASET.random_seed=3,4", overwrite=True)
    )


def test_a_folder_of_another_configuration_is_refused(planned):
    record(planned("DATASET.random_seed=3,4")[0], status="done")
    with pytest.raises(ConfigError, match="holds a point of another configuration"):
        planned("DATASET.random_seed=3,4", "OPTIMIZER_PARAMS.lr=0.5")
    assert planned("DATASET.random_seed=3,4", "OPTIMIZER_PARAMS.lr=0.5", overwrite=True)


@pytest.mark.parametrize(
    ("key", "name"), [("GRAPH.graphs_dir", "1.edges"), ("CHURN.trace_file", "trace")]
)
def test_a_point_whose_files_have_changed_is_another(planned, tmp_path, key, name):
    """The graph of a round, or who is up in it."""
    folder = tmp_path / "graphs"
    folder.mkdir()
    file = folder / name
    graph = "decentralizepy.graphs.FilePerRound"
    settings = [f"GRAPH.graph_package={graph}", "GRAPH.graph_class=FilePerRound"]
    settings = settings if key.startswith("GRAPH") else []
    settings.append(f"{key}={folder if settings else file}")
    first = "4\n0 1\n1 2\n2 3\n" if settings[1:] else "1 1\n" * 4
    file.write_text(first)
    record(planned(*settings)[0], status="done")
    assert [job.done for job in planned(*settings)] == [True]
    file.write_text(first.replace("0 1", "0 3").replace("1 1\n", "0 1\n"))
    with pytest.raises(ConfigError, match="holds a point of another configuration"):
        planned(*settings)


def test_a_damaged_record_is_told(planned):
    job, _ = planned("DATASET.random_seed=3,4")
    job.folder.mkdir(parents=True)
    (job.folder / "point.json").write_text("{")
    with pytest.raises(
        ConfigError, match=r"point\.json: damaged .*; remove the folder"
    ):
        planned("DATASET.random_seed=3,4")


def test_seeds_are_those_of_the_data_and_of_a_graph_that_takes_one(tmp_path):
    data = "[DATASET]\ndataset_package=tests.support.toy\ndataset_class=Points\n"
    graph = "[GRAPH]\ngraph_package=decentralizepy.graphs.{0}\ngraph_class={0}\n"
    path = tmp_path / "a.ini"
    path.write_text(data + graph.format("Regular"))
    both = ["DATASET.random_seed=7", "GRAPH.seed=7"]
    assert [*map(str, plan.seed_keys(str(path), (), 7))] == both
    settings = [parsed("GRAPH.graph_class=Ring")]
    assert [*map(str, plan.seed_keys(str(path), settings, 7))] == both[:1]
    with pytest.raises(ConfigError, match="set by --seeds"):
        plan.seed_keys(str(path), [parsed("GRAPH.seed=1")], 7)
    path.write_text(graph.format("Ring"))
    with pytest.raises(ConfigError, match="neither the data set nor the graph"):
        plan.seed_keys(str(path), (), 7)


def test_the_seed_is_told_apart_from_the_group(planned, experiment):
    words = experiment()
    point = Point("x=1,seed=3", (parsed("DATASET.random_seed=4"),), "x=1", 3)
    ini = words[words.index("-cf") + 1]
    (job,) = plan.plan([point], ["--config_file", ini], Path("out"), False)
    assert (job.record.group, job.record.seed) == ("x=1", 3)
    assert job.log_dir == Path("out/x=1,seed=3/machine0")


def test_runs_share_ports_only_where_the_file_names_them(planned, tmp_path):
    """Else each launcher finds free ones."""
    file = tmp_path / "run.ini"
    (job,) = planned("OPTIMIZER_PARAMS.lr=0.3")
    assert job.ports is not None
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("offset")))
    (job,) = planned("OPTIMIZER_PARAMS.lr=0.3", overwrite=True)
    assert job.ports is None
