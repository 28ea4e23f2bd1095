"""Breaks when the state of a run reaches nodes as keys that a user might write."""

import copy
import pickle

from decentralizepy.config.run_section import RunSection

WRITTEN = {"iterations": 3, "first_round": 7}


def test_what_the_run_knows_is_beside_what_is_written():
    section = RunSection(WRITTEN, first_round=2, checkpoint_every=5, evaluate=9)
    assert section == WRITTEN
    assert RunSection.of(section) is section
    for again in (pickle.loads(pickle.dumps(section)), copy.deepcopy(section)):
        state = again.first_round, again.checkpoint_every, again.evaluate
        assert state == (2, 5, 9)


def test_a_drivers_own_section_starts_from_the_beginning():
    section = RunSection.of({**WRITTEN, "checkpoint_every": "4"})
    assert (section.first_round, section.checkpoint_every) == (0, 4)
    assert RunSection.of({"checkpoint_every": ""}).checkpoint_every == 0
