"""benchmarks/kills.py: breaks when it calls a lost or different result a good end."""

import subprocess
import sys

import pytest

from benchmarks import kills
from tests.support import LIMIT_S, ROOT


class Ended:
    """A run that has ended, and what it left."""

    def __init__(self, *codes, digest="bits", told="lost uid 1", rounds=(12, 12)):
        self.codes, self.said, self.told, self.done = codes, digest, told, rounds
        self.launchers, self.resumed = codes, False

    def wait(self):
        return None if None in self.codes else list(self.codes)

    def start(self, resume):
        self.resumed, self.codes = resume, [0] * len(self.codes)

    def screens(self):
        return [self.told] * len(self.codes)

    def explains(self, codes):
        return kills.Run.explains(self, codes)

    def digest(self):
        return self.said

    def rounds(self):
        return dict(enumerate(self.done))


TRACE = "Traceback (most recent call last):"
NODE, LAUNCHER = kills.Kill("", 0, 1), kills.Kill("", 0, None)
CASES = [
    (Ended(0), "restart", NODE, kills.EQUAL),
    (Ended(0, digest="others"), "restart", NODE, kills.WRONG),
    (Ended(0, digest=""), "restart", NODE, kills.WRONG),
    (Ended(1), "resume", NODE, kills.EQUAL),
    (Ended(1, digest="others"), "resume", NODE, kills.WRONG),
    (Ended(1, told=""), "resume", NODE, kills.WRONG),
    (Ended(1, told=TRACE), "resume", NODE, kills.WRONG),
    (Ended(None), "resume", NODE, kills.HUNG),
    (Ended(1, rounds=(3, 12)), "drop", NODE, kills.FINISHED),
    (Ended(1, rounds=(3, 11)), "drop", NODE, kills.STOPPED),
    (Ended(0, rounds=(3, 12)), "drop", NODE, kills.WRONG),
    (Ended(1, 0, rounds=(3, 12)), "drop", NODE, kills.WRONG),
    (Ended(-9), "drop", LAUNCHER, kills.EQUAL),
]


@pytest.mark.parametrize(("run", "policy", "kill", "outcome"), CASES)
def test_each_end_has_its_outcome(run, policy, kill, outcome):
    assert kills.judge(run, kill, policy, Ended(0))[0] == outcome


@pytest.mark.slow
@pytest.mark.processes
def test_two_kills(tmp_path):
    flags = ["--kills", "2", "--seed", "2", "--keep", str(tmp_path)]
    words = [sys.executable, "-m", "benchmarks.kills", *flags, "DPSGDNode"]
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 equal bits" in done.stdout
