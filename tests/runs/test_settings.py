"""Breaks when ``--set`` is not told back as it took effect."""

import pytest

from decentralizepy.runs.experiment import Experiment


@pytest.fixture
def told(experiment):
    """Return a function that loads an experiment and returns what --set did in it."""

    def told(*settings, flags=(), **sections):
        words = experiment(**sections)[4:]
        for each in settings:
            words += ["--set", each]
        found = Experiment.load([*words, *flags])
        return [*found.settings.told(found.parts, found.args)]

    return told


def test_a_value_is_told_with_what_the_file_has(told):
    assert told("OPTIMIZER_PARAMS.lr=0.25", "OPTIMIZER_PARAMS.momentum=0.5") == [
        ("[OPTIMIZER_PARAMS] lr = 0.25 (instead of 0.2 in the file)", False),
        ("[OPTIMIZER_PARAMS] momentum = 0.5 (not in the file)", False),
    ]


def test_the_package_that_follows_is_told(told):
    first, second = (each.text for each in told("SHARING.sharing_class=SubSampling"))
    assert first.startswith("[SHARING] sharing_class = SubSampling (instead of Sharing")
    package = "decentralizepy.sharing.SubSampling"
    assert second.startswith(f"[SHARING] sharing_package = {package} (instead of")


@pytest.mark.parametrize(
    ("settings", "flags", "reason"),
    [
        (["OPTIMIZER_PARAMS.lr=0.2"], [], "changes nothing: the file has this value"),
        (["OPTIMIZER_PARAMS.momentum=0"], [], "changes nothing: this is the default"),
        (["RUN.iterations=7"], [], "overridden by the flag --iterations 10"),
        (["RUN.test_after=7"], ["-ta", "3"], "overridden by the flag --test_after 3"),
    ],
)
def test_an_assignment_in_vain_is_told(told, settings, flags, reason):
    assert told(*settings, flags=flags) == [
        (f"warning: --set {settings[0]}: {reason}", True)
    ]


def test_the_last_assignment_of_a_key_counts(told):
    first, second = told("OPTIMIZER_PARAMS.lr=0.5", "OPTIMIZER_PARAMS.lr=0.25")
    later = "overridden by --set OPTIMIZER_PARAMS.lr=0.25"
    assert first == (f"warning: --set OPTIMIZER_PARAMS.lr=0.5: {later}", True)
    assert second.text.startswith("[OPTIMIZER_PARAMS] lr = 0.25")
