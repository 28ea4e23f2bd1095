"""Breaks when an audit mixes up runs, rounds or seeds, or attacks what was never received."""

import numpy as np
import pandas as pd
import pytest

from decentralizepy.audit import figure, measure
from decentralizepy.audit.linking import Links
from decentralizepy.audit.measure import Audit, Settings
from decentralizepy.audit.membership import Scores
from decentralizepy.audit.scene import Scene, each_loss, spaced
from decentralizepy.errors import ConfigError, DataError
from tests.support.observed import observe

CHOCO = {
    "sharing_package": "decentralizepy.sharing.Choco",
    "sharing_class": "Choco",
    "alpha": 1.0,
    "step_size": 0.5,
}


def audit(auc, links, round=3):
    """An audit in which one of two members is ahead of others, or both are."""
    members = np.array([1.0, 1.0 if auc == 1 else -1.0])
    return Audit({round: Scores(members, np.zeros(2))}, {}, {round: links})


def test_links_of_observers_are_added_up():
    """Two of four and all of two: four of six; guessing is right for 1 + 1 of them."""
    (numbers,) = audit(1, [Links(2, 4, 4), Links(2, 2, 2)]).numbers().values()
    assert numbers["link_accuracy"] == pytest.approx(4 / 6)
    assert numbers["link_chance"] == pytest.approx(2 / 6)
    assert (numbers["mia_auc"], numbers["mia_tpr"]) == (1.0, 1.0)


def test_means_and_intervals_are_over_seeds():
    """Of 0.5 and 1: 0.75 with half an interval of 12.706 x 0.3536 / sqrt(2)."""
    rows = [
        {"method": "a", "seed": 1, "round": 1, "mia_auc": 0.9, "lira_auc": 0.7},
        {"method": "a", "seed": 1, "round": 2, "mia_auc": 0.5, "lira_auc": np.nan},
        {"method": "a", "seed": 2, "round": 2, "mia_auc": 1.0, "lira_auc": np.nan},
        {"method": "b", "seed": 1, "round": 2, "mia_auc": 0.6, "lira_auc": np.nan},
    ]
    table = measure.over_seeds(pd.DataFrame(rows)).set_index("method")
    assert table.loc["a", "mia_auc"] == 0.75
    assert table.loc["a", "mia_auc_half"] == pytest.approx(3.1766, abs=1e-3)
    assert (
        table.loc["a", "lira_auc"] == 0.7
    ), "of the last round in which it was measured"
    assert table["seeds"].tolist() == [2, 1]
    first = measure.over_seeds(pd.DataFrame(rows), 1)
    assert first["mia_auc"].tolist() == [0.9]


def test_rounds_are_spread_from_the_first_to_the_last():
    assert spaced([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert spaced([4, 8], 10) == [4, 8]
    assert measure.common_rounds({0: [1, 2, 3], 5: [1, 3]}) == [1, 3]


def test_differences_are_added_up_to_models(tmp_path):
    """With all entries sent, CHOCO's public copies are the models themselves."""
    scene = Scene([observe(tmp_path, rounds=3, nodes=3, SHARING=CHOCO)])
    first, last = (scene.observation(0, number) for number in (1, 3))
    trained = scene.losses(last.vectors[2], scene.data[2]).mean()
    assert trained < scene.losses(first.vectors[2], scene.data[2]).mean()
    assert trained < scene.losses(scene.initial, scene.data[2]).mean()
    scene.rounds[0].remove(2)
    with pytest.raises(DataError, match="differences of rounds before 3 are missing"):
        scene.observation(0, 3)


def test_a_loss_without_values_of_samples_is_refused():
    with pytest.raises(DataError, match="the loss has only a mean over a batch"):
        each_loss(lambda output, target: output)


def test_shadow_models_come_in_pairs():
    with pytest.raises(ConfigError, match="--shadows 3: expected an even number"):
        Settings(shadows=3)


def test_the_figure_has_every_method_with_its_interval():
    found = {
        "plain": [audit(1, [Links(2, 2, 2)]), audit(1, [Links(1, 2, 2)])],
        "noisy": [audit(0.5, [Links(1, 2, 2)])],
    }
    rows = [
        {"method": name, "seed": seed, "round": number, **values}
        for name, audits in found.items()
        for seed, each in enumerate(audits)
        for number, values in each.numbers().items()
    ]
    drawn = figure.draw(pd.DataFrame(rows), found, "svg").decode()
    assert drawn.count("<!-- plain -->") == drawn.count("<!-- noisy -->") == 1
