"""Breaks when benchmarks/bits.py leaves out a class, or misses a bit that differs."""

import importlib
import json
from pathlib import Path

import pytest
import torch

from benchmarks import bits
from decentralizepy.compression.Compression import Compression
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node.Node import Node
from decentralizepy.sharing.Sharing import Sharing

FAMILIES = {
    "compression": Compression,
    "graphs": Graph,
    "node": Node,
    "sharing": Sharing,
}
NOT_RUN = {"Compression", "Graph", "TimeVarying", "Node", "LiveNode", "OverlayNode"}
NOT_RUN |= {"FilePerRound"}  # needs files
NOT_RUN |= {"ADPSGD", "GossipLearning"}  # their bits depend on timing


def plugins(folder, base):
    """Yield the modules of a folder that hold a class of their own name."""
    for path in sorted((bits.ROOT / "decentralizepy" / folder).rglob("[A-Z]*.py")):
        module = ".".join(path.relative_to(bits.ROOT).with_suffix("").parts)
        held = getattr(importlib.import_module(module), path.stem, None)
        if isinstance(held, type) and issubclass(held, base):
            yield module


@pytest.mark.parametrize("folder", FAMILIES)
def test_every_class_is_in_a_configuration(folder):
    lines = "\n".join(map(bits.ini, bits.CONFIGURATIONS.values())).splitlines()
    named = {line.partition(" = ")[2] for line in lines if "_package" in line}
    modules = set(plugins(folder, FAMILIES[folder]))
    assert len(modules) > 3
    missing = {name for name in modules - named if name.split(".")[-1] not in NOT_RUN}
    assert missing == set()


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run with one node, and a file beside its results."""
    for name in ("logs", "weights"):
        (tmp_path / name).mkdir()
    torch.save({"fc": torch.ones(3)}, tmp_path / "weights/3_weight_0.pt")
    write(tmp_path, test_acc={"2": 50.0}, time={"2": 0.1})
    return tmp_path


def write(folder, **table):
    (Path(folder) / "logs/0_results.json").write_text(json.dumps(table))


def test_times_and_what_follows_from_the_weights_are_not_compared(folder):
    before = bits.digest(folder)
    write(folder, time={"2": 0.2}, test_acc={"2": 50.0}, mean_model_acc={"2": 60.0})
    assert bits.digest(folder) == before


def test_results_are_compared(folder):
    before = bits.digest(folder)
    write(folder, test_acc={"2": 50.1})
    assert bits.digest(folder) != before


def test_the_last_bit_of_a_weight_is_compared(folder):
    before = bits.digest(folder)
    other = torch.nextafter(torch.ones(3), torch.tensor(2.0))
    torch.save({"fc": other}, folder / "weights/3_weight_0.pt")
    assert bits.digest(folder) != before


def test_a_run_that_failed_equals_nothing(folder, capsys):
    (folder / "screen.txt").write_text("config.ini: [SHARING] no such class")
    (folder / "logs/0_results.json").unlink()
    assert bits.digest(folder) == bits.MISSING
    assert "no such class" in capsys.readouterr().err
    assert not bits.compare({"a": bits.MISSING}, {"a": bits.MISSING})
    assert bits.compare({"a": "1 2"}, {"a": "1 2"})


def test_what_differs_is_said(capsys):
    assert not bits.compare({"a": "1 2", "b": "1 2"}, {"a": "1 3", "b": "3 2"})
    out = capsys.readouterr().out
    assert "RESULTS DIFFER" in out
    assert "WEIGHTS DIFFER" in out


@pytest.mark.slow
@pytest.mark.processes
def test_a_run_repeats_its_bits(tmp_path):
    first, second = (
        bits.run(bits.ROOT, ["QSGD"], tmp_path / name) for name in ("1", "2")
    )
    assert bits.compare(first, second)
