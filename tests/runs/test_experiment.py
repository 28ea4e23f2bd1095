"""Breaks when the folder of a run does not contain its inputs."""

import json

import pytest

from decentralizepy import utils
from decentralizepy.config import ini
from decentralizepy.errors import ConfigError
from decentralizepy.node.KNN import KNN
from decentralizepy.runs.experiment import Experiment


def test_what_set_changed_is_in_the_effective_ini(experiment, tmp_path):
    words = [*experiment()[4:], "--set", "OPTIMIZER_PARAMS.lr=0.25"]
    run = Experiment.load(words)
    run.make_folders()
    folder, name = run.args.log_dir, run.args.config_file
    kept = ini.read(f"{folder}/{name.rsplit('/')[-1]}")
    stem = name.rsplit("/")[-1].removesuffix(".ini")
    effective = ini.read(f"{folder}/{stem}.effective.ini")
    assert effective["OPTIMIZER_PARAMS"]["lr"] == 0.25
    assert kept["OPTIMIZER_PARAMS"]["lr"] != 0.25
    assert effective == run.config


def test_flags_of_a_driver_are_kept_with_the_others(experiment):
    parser = utils.make_parser()
    parser.add_argument("--tau", type=float)
    run = Experiment.load([*experiment()[4:], "--tau", "0.5"], parser=parser)
    run.make_folders()
    with open(f"{run.args.log_dir}/args.json") as file:
        assert json.load(file)["tau"] == 0.5


class Vain(KNN):
    def similarityMetric(self, candidate):  # noqa: N802
        return 0


def test_a_driver_whose_node_overrides_in_vain_is_refused_before_the_start(experiment):
    line = "Vain: overrides similarityMetric, which nothing calls here"
    with pytest.raises(ConfigError, match=line):
        Experiment.load(experiment()[4:], node_class=Vain)
