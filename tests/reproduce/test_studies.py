"""Breaks when a study that is installed could not be run, or judges what it does not run."""

import pytest

from decentralizepy.commands import sweep
from decentralizepy.reproduce import folder
from decentralizepy.reproduce.catalogue import STUDIES
from decentralizepy.reproduce.measures import MEASURES


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_passes_the_checks_of_a_sweep(name, tmp_path, capsys):
    study = STUDIES[name]
    folder.prepare(study, tmp_path)
    words = folder.sweep_words(study, tmp_path, "1", study.rounds)
    assert sweep.main([*words, "--dry-run"]) == 0
    said = capsys.readouterr()
    assert said.err == ""  # nothing is set in vain
    points = [line.split(",seed=")[0] for line in said.out.splitlines()[::2]]
    assert points == study.names()


@pytest.mark.parametrize("name", STUDIES)
def test_claims_are_about_what_is_run(name):
    study = STUDIES[name]
    rounds = {0, *range(study.test_after, study.rounds + 1, study.test_after)}
    for claim in study.claims:
        assert {claim.method, claim.other or claim.method} <= {*study.names()}
        assert claim.method != claim.other
        assert claim.measure in MEASURES
        assert claim.at in rounds
        assert claim.low < claim.high
