"""download_dataset.py: CIFAR-10 through torchvision, or one line that says why not."""

import runpy
import sys
import types
from pathlib import Path
from urllib.error import URLError

import pytest

SCRIPT = Path(__file__).parent.parent / "download_dataset.py"


def run(monkeypatch, cifar10):
    """Run the script with a torchvision of which only ``CIFAR10`` is there."""
    torchvision = types.ModuleType("torchvision")
    datasets = types.ModuleType("torchvision.datasets")
    datasets.CIFAR10 = torchvision.datasets = cifar10
    monkeypatch.setitem(sys.modules, "torchvision", torchvision)
    monkeypatch.setitem(sys.modules, "torchvision.datasets", datasets)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return end.value.code


def test_both_sets_are_fetched(monkeypatch):
    calls = []
    assert run(monkeypatch, lambda *args, **options: calls.append((args, options))) == 0
    assert calls == [
        (("./eval/data/",), {"train": train, "download": True})
        for train in (True, False)
    ]


@pytest.mark.parametrize(
    "error", [URLError("no\nnetwork"), RuntimeError("corrupted"), OSError("disk full")]
)
def test_a_failure_is_one_line_and_status_1(monkeypatch, capsys, error):
    def fail(*args, **options):
        raise error

    assert run(monkeypatch, fail) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("CIFAR-10 cannot be downloaded: ")


def test_without_torchvision_it_is_one_line_too(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torchvision.datasets", None)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert end.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
