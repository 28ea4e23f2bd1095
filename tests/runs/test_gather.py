"""Breaks when results of a machine that shares no folder do not come to machine 0."""

import json
import os

import pytest

from tests.support import ROOT
from tests.support.alike import assert_same_weights
from tests.support.launcher import DRAWN, results, run
from tests.support.launchers import COUNT, ends

pytestmark = pytest.mark.processes


@pytest.mark.slow
def test_machine_0_has_the_results_of_all(experiment, tmp_path, launch, meeting):
    """Each machine has a folder of its own, as relative names are there."""
    assert run([*experiment(name="alone"), "-ps", "4"]).returncode == 0
    words = [*experiment(name="three", **DRAWN), *meeting, "-ps", "1", "2", "1"]
    words += ["-ld", "run"]
    launchers = []
    for machine in range(COUNT):
        (tmp_path / str(machine)).mkdir()
        own = [*words, "-wsd", "run/weights", "--machine-id", str(machine)]
        place = tmp_path / str(machine)
        launchers.append(
            launch(own, place, env={**os.environ, "PYTHONPATH": str(ROOT)})
        )
    (first, shown, errors), *others = ends(launchers)
    assert first == 0, errors
    assert [(status, out, err) for status, out, err in others] == [(0, "", "")] * 2
    assert "10 of 10" in shown, shown
    assert "nodes: 4" in shown, shown
    folder, alone = tmp_path / "0/run", tmp_path / "alone"
    assert_same_weights(folder / "weights", alone / "weights")
    whole, uids = results(alone), iter(range(4))
    for machine, ranks in enumerate((1, 2, 1)):
        came = results(folder / f"machine{machine}")
        assert [*came] == [f"{rank}_results.json" for rank in range(ranks)]
        for table in came.values():
            other = whole[f"{next(uids)}_results.json"]
            for metric in ("train_loss", "test_acc", "mean_model_acc"):
                assert table[metric] == other[metric], metric
        kept = {path.name for path in (folder / f"machine{machine}").iterdir()}
        assert {"0.log", "manifest.json", "results.png", "final.json"} <= kept
    final = [
        json.loads((each / "final.json").read_text())
        for each in (alone, folder / "machine0")
    ]
    assert final[0] == final[1]
    assert (folder / "results.png").exists()
    assert not [*tmp_path.rglob(".probe*")]
