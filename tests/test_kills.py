"""benchmarks/kills.py: breaks when it calls a lost or different result a good end."""

import subprocess
import sys

import pytest

from benchmarks import kills
from benchmarks.killed import Kill, Run
from tests.support import LIMIT_S, ROOT

KILLED = "uid 1 (rank 1, machine 0) was killed by SIGKILL"
LOST = "lost uid 1; the nodes of this machine finished without"
NONE_LEFT = "--resume log0: there is no round of which all nodes have a checkpoint"
NEVER = "waiting on CONNECT for uid 1 on machine 0 for 20 s"
WAITS = "waiting on DPSGD for uid 2 on machine 1 for 30 s"
TRACE = f"{KILLED}\nTraceback (most recent call last):"


class Ended(Run):
    """A run that has ended, and what it left."""

    serves = False

    def __init__(self, *codes, digest="bits", told=(KILLED, LOST), rounds=(12, 12)):
        self.codes, self.said, self.told, self.done = codes, digest, told, rounds
        self.launchers, self.ended = codes, 0.0

    def wait(self):
        return None if None in self.codes else list(self.codes)

    def start(self, resume):
        self.codes = [0] * len(self.codes)

    def screens(self):
        return self.told[: len(self.codes)]

    def digest(self):
        return self.said

    def rounds(self):
        return dict(zip(("0_results", "1_results"), self.done, strict=True))

    def last_round(self):
        return 0.0


class Served(Ended):
    """The same, with a parameter server."""

    serves = True

    def rounds(self):
        return dict(zip(("-1_results", "0_results"), self.done, strict=True))


NODE, LAUNCHER = Kill("", 0, 1, 1), Kill("", 0, None)
EARLY = NODE._replace(begun=False)
TWO = (KILLED, LOST)
CASES = [
    (Ended(0), "restart", NODE, kills.EQUAL),
    (Ended(0, digest="others"), "restart", NODE, kills.WRONG),
    (Ended(0, digest=""), "restart", NODE, kills.WRONG),
    (Ended(1), "resume", NODE, kills.EQUAL),
    (Ended(1, digest="others"), "resume", NODE, kills.WRONG),
    (Ended(1, told=("",)), "resume", NODE, kills.WRONG),
    (Ended(1, told=("something failed",)), "resume", NODE, kills.WRONG),
    (Ended(1, told=(KILLED.replace("1", "0"),)), "resume", NODE, kills.WRONG),
    (Ended(1, told=(TRACE,)), "resume", NODE, kills.WRONG),
    (Ended(None), "resume", NODE, kills.HUNG),
    (Ended(2, told=(NONE_LEFT,)), "resume", NODE, kills.REFUSED),
    (Ended(1, told=(NONE_LEFT,)), "resume", NODE, kills.WRONG),
    (Ended(2, 3, told=(NONE_LEFT, NEVER)), "resume", NODE, kills.REFUSED),
    (Ended(2, 3, told=(NONE_LEFT, "")), "resume", NODE, kills.WRONG),
    (Ended(2, 3, 3, told=(NONE_LEFT, NEVER, WAITS)), "resume", NODE, kills.REFUSED),
    (Ended(2, 3, told=(NONE_LEFT, WAITS)), "resume", NODE, kills.WRONG),
    (Ended(1, 3), "restart", NODE, kills.EQUAL),
    (Ended(1, 3, told=(KILLED, NEVER)), "restart", NODE, kills.EQUAL),
    (Ended(1, 3, told=(KILLED, "lost uid 2")), "restart", NODE, kills.WRONG),
    (Ended(1, 0), "restart", NODE, kills.WRONG),
    (Ended(-9, 3, told=("", "lost uid 0")), "restart", LAUNCHER, kills.EQUAL),
    (Ended(1, rounds=(3, 12)), "drop", NODE, kills.FINISHED),
    (Ended(1, rounds=(3, 11)), "drop", NODE, kills.WRONG),
    (Ended(1, rounds=(3, 11)), "drop", EARLY, kills.STOPPED),
    (Ended(0, digest="others"), "drop", NODE, kills.WRONG),
    (Ended(1, 0, rounds=(3, 12)), "drop", NODE, kills.WRONG),
    (Ended(1, 1, rounds=(3, 12)), "drop", NODE, kills.FINISHED),
    (Ended(1, 1, told=(KILLED, "lost uid 0")), "drop", NODE, kills.WRONG),
    (Ended(-9, 1, told=("", "lost uid 0, 1")), "drop", LAUNCHER, kills.FINISHED),
    (Ended(-9, 1, told=("", "lost uid 0")), "drop", LAUNCHER, kills.WRONG),
    (Ended(-9), "drop", LAUNCHER, kills.EQUAL),
    (Served(1, rounds=(12, 3)), "drop", NODE, kills.FINISHED),
    (Served(1, rounds=(11, 12)), "drop", NODE, kills.WRONG),
    (Served(-9, 3, told=("", "lost uid -1")), "drop", LAUNCHER, kills.STOPPED),
]


@pytest.mark.parametrize(("run", "policy", "kill", "outcome"), CASES)
def test_each_end_has_its_outcome(run, policy, kill, outcome):
    whole = Served(0) if run.serves else Ended(0)
    assert kills.judge(run, kill, policy, whole)[0] == outcome


@pytest.mark.slow
@pytest.mark.processes
def test_two_kills(tmp_path):
    flags = ["--kills", "2", "--seed", "2", "--keep", str(tmp_path)]
    words = [sys.executable, "-m", "benchmarks.kills", *flags, "DPSGDNode"]
    done = subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 equal bits and bytes" in done.stdout
