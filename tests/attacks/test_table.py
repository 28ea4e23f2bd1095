"""Breaks when the table of attacks and defenses cannot be computed."""

import runpy

from tests.support import ROOT

TABLE = runpy.run_path(str(ROOT / "eval" / "byzantine_table.py"))


def test_an_attack_hurts_averaging_more_than_its_robust_form():
    """After six rounds; 66, 49 and 27 % were measured."""
    run = TABLE["run"]
    plain = run(None, "Sharing", 0, 6)
    robust = run("IPM", "MultiKrum", 0, 6)
    attacked = run("IPM", "Sharing", 0, 6)
    assert plain > robust + 5
    assert robust > attacked + 5


def test_every_row_and_column_can_be_computed():
    run = TABLE["run"]
    for attack in TABLE["ATTACKS"]:
        assert 0 <= run(attack if attack != "none" else None, "Krum", 0, 1) <= 100
