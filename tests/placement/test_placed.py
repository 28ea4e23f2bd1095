"""Breaks when machines that are about to run different things only notice while they wait."""

from decentralizepy.placement.placed import facts
from decentralizepy.runs.experiment import Experiment


def test_graphs_are_compared_before_nodes_wait_for_unknown_neighbors(
    experiment, tmp_path
):
    """The last two are the same, though their files are not."""
    words, found = experiment()[4:], []
    for text in ("4\n0 1\n1 2\n2 3\n", "4\n0 1\n0 3\n2 3\n", "4\n2 3\n3 0\n0 1\n"):
        file = tmp_path / f"{len(found)}.edges"
        file.write_text(text)
        found.append(facts(Experiment.load([*words, "-gf", str(file)])))
    one, other, again = found
    assert other == again
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"digest of the graph"}


def test_plug_ins_are_compared(experiment, monkeypatch):
    words = experiment()[4:]
    one = facts(Experiment.load(words))
    monkeypatch.setattr("decentralizepy.runs.fingerprint.of_source", lambda _: 7)
    other = facts(Experiment.load(words))
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"digest of plug-ins"}
