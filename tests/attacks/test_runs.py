"""Breaks when a run with Byzantine nodes differs between engines, or counts them in."""

import json

import pytest
import torch

from decentralizepy.config.run_section import RunSection
from decentralizepy.graphs.RandomMatching import RandomMatching
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.results.read import read_runs
from decentralizepy.runs.attack import attack_fits
from decentralizepy.runs.chosen import Chosen
from decentralizepy.sharing.SubSampling import SubSampling
from decentralizepy.sharing.TrimmedMean import TrimmedMean
from tests.support.alike import assert_same_weights
from tests.support.launcher import results, run

ALIE = {
    "attack_package": "decentralizepy.attacks.ALIE",
    "attack_class": "ALIE",
    "nodes": "[2]",
    "z": "-4.0",
}
TRIMMED = {
    "sharing_package": "decentralizepy.sharing.TrimmedMean",
    "sharing_class": "TrimmedMean",
}


@pytest.mark.processes
@pytest.mark.slow
def test_every_engine_ends_with_the_same_honest_results(experiment, tmp_path):
    flags = {"process": (), "packed": ("--engine", "packed", "--workers", "2")}
    for name, words in flags.items():
        line = experiment("IPC", 5, name=name, ATTACK=ALIE, SHARING=TRIMMED)
        done = run([*line, *words])
        assert done.returncode == 0, done.stderr
    assert results(tmp_path / "process") == results(tmp_path / "packed")
    assert_same_weights(
        tmp_path / "packed" / "weights", tmp_path / "process" / "weights"
    )
    assert "1 (node 2), left out of what follows" in done.stdout
    tables = results(tmp_path / "process")
    assert "byzantine" in tables["2_results.json"]
    assert "byzantine" not in tables["1_results.json"]
    honest = [tables[f"{rank}_results.json"]["test_acc"]["5"] for rank in (0, 1, 3)]
    (found,) = read_runs(tmp_path / "process")
    assert sorted(found.metric("test_acc").loc[5].tolist()) == sorted(honest)
    assert found.metric("total_bytes").shape[1] == 4
    final = json.loads((tmp_path / "process" / "final.json").read_text())
    assert final["worst_test_acc"]["5"] == min(honest)
    states = [
        torch.load(tmp_path / f"process/weights/4_weight_{uid}.pt") for uid in (0, 1, 3)
    ]
    rows = torch.stack([torch.cat([*map(torch.ravel, s.values())]) for s in states])
    distance = (rows - rows.mean(0)).square().sum(1).mean().sqrt().item()
    assert final["consensus_distance"]["5"] == pytest.approx(distance, rel=1e-4)


class Args:
    evaluate = "all"


@pytest.mark.parametrize(
    ("node", "sharing", "faults", "evaluate", "told"),
    [
        (DPSGDNode, TrimmedMean, {}, "all", ""),
        (EL_Local, TrimmedMean, {}, "all", "EL_Local has its own share"),
        (DPSGDNode, SubSampling, {}, "all", "which SubSampling does not send"),
        (
            DPSGDNode,
            TrimmedMean,
            {"on_peer_loss": "drop"},
            "all",
            "models of all neigh",
        ),
        (DPSGDNode, TrimmedMean, {}, "mean_model", "would be in the mean"),
    ],
    ids=["fine", "node", "sharing", "losses", "mean model"],
)
def test_attacks_that_cannot_know_their_neighbors_are_refused(
    node, sharing, faults, evaluate, told
):
    args = Args()
    args.evaluate = evaluate
    config = {"ATTACK": {**ALIE, "nodes": 2}, "FAULTS": faults, "DATASET": {}}
    chosen = Chosen(args, config, sharing, Ring(4), node, None)
    found = [str(problem) for problem in attack_fits(chosen)]
    assert bool(found) is bool(told)
    assert all(
        told in line and "[ATTACK] attack_class = ALIE" in line for line in found
    )


def test_an_informed_attacker_resumes_bit_by_bit(run_nodes):
    """On a graph that changes, its neighbors are others in each round."""
    attack = {**ALIE, "nodes": 2, "z": 1.5}
    whole = run_nodes(RandomMatching(4), rounds=6, ATTACK=attack)
    run_nodes(RandomMatching(4), rounds=4, ATTACK=attack, RUN={"checkpoint_every": 1})
    again = {"RUN": RunSection({}, first_round=3)}
    resumed = run_nodes(RandomMatching(4), rounds=6, ATTACK=attack, **again)
    for uid, node in whole.items():
        assert torch.equal(node.model.fc.weight, resumed[uid].model.fc.weight)
