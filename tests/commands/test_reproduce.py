"""Breaks when reproducing a study loses a run, or a mistake in it is not one line."""

import csv

import pytest

from decentralizepy import cli
from decentralizepy.reproduce import catalogue
from decentralizepy.reproduce.study import Claim, Study

TINY = Study(
    paper="Nobody, Nothing, 2026",
    about="two nodes learn",
    minutes=0.1,
    settings=["RUN.procs_per_machine=2", "RUN.batched=off"],
    methods={"mean": [], "push": ["SHARING.sharing_class=PushSum"]},
    claims=(
        Claim("push", "mean", low=-1, high=1),
        Claim("mean", low=99),
    ),
    rounds=2,
)


MISTAKES = {
    "study": (["topologi"], "topologi: no such study; did you mean topology?"),
    "flag": (
        ["topology", "--sedes", "1"],
        "--sedes: no such flag; did you mean --seeds",
    ),
    "seeds": (["topology", "--seeds", "x"], "--seeds x: expected 1..5 or 1,2,7"),
    "rounds": (["topology", "--rounds", "0"], "--rounds 0: expected an integer"),
    "jobs": (["topology", "--jobs", "0"], "--jobs 0: expected an integer"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name, tmp_path, monkeypatch, capsys):
    words, cause = MISTAKES[name]
    monkeypatch.chdir(tmp_path)
    assert cli.main(["reproduce", *words]) == 2
    said = capsys.readouterr().err
    assert cause in said
    assert len(said.splitlines()) == 1
    assert [*tmp_path.iterdir()] == []


def test_all_studies_are_listed_with_their_papers(capsys):
    assert cli.main(["reproduce"]) == 0
    said = capsys.readouterr().out
    for name, study in catalogue.STUDIES.items():
        assert f"{name} ({study.minutes:g} minutes)\n  {study.about}\n" in said
        assert study.paper in said
    assert "\nrun one: decentralizepy reproduce NAME" in said


@pytest.mark.processes
@pytest.mark.slow
def test_a_study_is_run_judged_and_drawn_and_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "STUDIES", {"tiny": TINY})
    monkeypatch.chdir(tmp_path)
    words = ["reproduce", "tiny", "--jobs", "2", "-o", "out"]
    assert cli.main([*words, "--seeds", "1..3"]) == 0
    said = capsys.readouterr().out
    assert "Digits (real data), 2 nodes, 3 seeds" in said
    assert (
        "\nholds           push is as good as mean, within 1 point: +0.0 ± 0.0 points\n"
        in said
    )
    assert "\ndoes not hold   mean reaches 99 %: " in said
    text = (tmp_path / "out/verdicts.txt").read_text()
    assert text in said
    (again,) = [line for line in text.splitlines() if "decentralizepy sweep" in line]
    assert cli.main([*again.split()[1:], "--dry-run"]) == 0
    assert capsys.readouterr().out.count(": done\n") == 6
    with (tmp_path / "out/verdicts.csv").open() as file:
        found = [
            (row["verdict"], row["low"], row["high"]) for row in csv.DictReader(file)
        ]
    assert found == [("holds", "-1", "1"), ("does not hold", "99", "inf")]
    assert (tmp_path / "out/figure.png").read_bytes()[1:4] == b"PNG"
    assert (tmp_path / "out/figure.pdf").read_bytes()[:4] == b"%PDF"
    # nothing is run again, and two of the seeds are too few
    assert cli.main([*words, "--seeds", "2,3"]) == 0
    said = capsys.readouterr().out
    assert "4 points in out/runs: 4 done, 0 to run" in said
    assert said.count("\ncannot be told") == 2
