"""Breaks when machines that run the same are refused, or others are accepted."""

from types import SimpleNamespace

import pytest

from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Manual import Manual
from decentralizepy.node._identity import identify
from tests.support.toy import CONFIG, Linear as Model


def identity(mapping=None, **sections):
    node = SimpleNamespace(
        iterations=3,
        model=Model(),
        graph=Ring(4),
        mapping=mapping or Linear(2, 2),
        server_driven=False,
        first_round=0,
    )
    merged = {
        name: {**CONFIG.get(name, {}), **sections.get(name, {})}
        for name in {*CONFIG, *sections}
    }
    return identify(node, merged)


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ("OPTIMIZER_PARAMS", {"momentum": 0, "nesterov": False}),
        ("OPTIMIZER_PARAMS", {"momentum": 0.0, "maximize": 0}),
        ("TRAIN_PARAMS", {"full_epochs": False, "precision": "float32"}),
        ("TRAIN_PARAMS", {"full_epochs": "", "memory_format": ""}),
        ("TRAIN_PARAMS", {"rounds": 2.0}),
        ("SHARING", {"compress": False, "compression_class": None}),
        ("DATASET", {"only_local": False, "sizes": ""}),
        ("DATASET", {"train_dir": "elsewhere"}),
    ],
)
def test_a_default_that_is_spelled_out_is_no_difference(section, options):
    assert identity(**{section: options}) == identity()


@pytest.mark.parametrize(
    ("section", "options"),
    [
        ("OPTIMIZER_PARAMS", {"momentum": 0.5}),
        ("OPTIMIZER_PARAMS", {"optimizer_class": "Adam"}),
        ("TRAIN_PARAMS", {"rounds": 1}),
        ("TRAIN_PARAMS", {"loss_class": "MSELoss"}),
        ("SHARING", {"compress": True}),
        ("DATASET", {"only_local": True}),
        ("DATASET", {"model_class": "Plain"}),
        ("NODE", {"graph_degree": 3}),
    ],
)
def test_another_value_is_a_difference_of_its_section_alone(section, options):
    before, after = identity(), identity(**{section: options})
    name = f"[{section}]"
    assert {key for key in before if before[key] != after[key]} == {name}


def test_who_runs_where_is_compared_and_not_how_that_is_written():
    before = identity()
    assert identity(Manual(2, [2, 2], current_machine=1)) == before
    for other in (Manual(2, [1, 3]), Linear(2, 2, global_service_machine=1)):
        after = identity(other)
        assert {key for key in before if before[key] != after[key]} == {"[MAPPING]"}
