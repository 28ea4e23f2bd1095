"""Breaks when a bound that a constructor's annotation states is not checked in an INI file."""

import pytest

from decentralizepy import factory
from decentralizepy.config.signatures import Options
from decentralizepy.config.values import option_problems

SHARING = "decentralizepy.sharing"
UNIT = "a number greater than 0"
CASES = [
    *((f"{SHARING}.Choco", "alpha", value, UNIT) for value in (0, -0.1)),
    (f"{SHARING}.Choco", "alpha", 1.5, "a number less than or equal to 1"),
    (f"{SHARING}.Choco", "step_size", -1, UNIT),
    (f"{SHARING}.PartialModel", "alpha", 0, UNIT),
    (f"{SHARING}.SubSampling", "alpha", 2, "a number less than or equal to 1"),
    (f"{SHARING}.RandomK", "alpha", 0, UNIT),
    (f"{SHARING}.STC", "alpha", 0, UNIT),
    (f"{SHARING}.SignError", "step_size", 2, "a number less than or equal to 1"),
    (f"{SHARING}.PowerGossip", "step_size", 1.5, "a number less than or equal to 1"),
    (f"{SHARING}.PowerGossip", "low_rank", 0, "a number greater than or equal to 1"),
    (f"{SHARING}.QSGD", "bits", 2, "a number greater than or equal to 3"),
    (f"{SHARING}.QSGD", "bits", 9, "a number less than or equal to 8"),
    (f"{SHARING}.QSGD", "bucket_size", 0, "a number greater than or equal to 1"),
    (f"{SHARING}.Shatter", "vnodes_per_node", 0, "a number greater than or equal to 1"),
    (
        f"{SHARING}.SecureAggregation",
        "fraction_bits",
        31,
        "a number less than or equal to 30",
    ),
    (f"{SHARING}.ZipDL", "noise_std", -1, "a number greater than or equal to 0"),
    (f"{SHARING}.Muffliato", "max_update_norm", 0, UNIT),
    (f"{SHARING}.Muffliato", "gossip_steps", 0, "a number greater than or equal to 1"),
    (f"{SHARING}.Muffliato", "delta", 1, "a number less than 1"),
    *(
        ("decentralizepy.training.Training", key, value, expected)
        for key in ("rounds", "batch_size")
        for value, expected in [
            (0, "a number greater than or equal to 1"),
            (-2, "a number greater than or equal to 1"),
            (1.5, "a whole number"),
        ]
    ),
]


@pytest.mark.parametrize(("module", "key", "value", "expected"), CASES)
def test_a_value_out_of_bounds_is_named(module, key, value, expected):
    name = module.rpartition(".")[2]
    passed = 7 if name == "Training" else 8
    known = Options.of(factory.load(module, name), passed)
    told = [str(each) for each in option_problems(name, known, {key: value})]
    assert f"{key} = {value}: expected {expected} ({name})" in told
