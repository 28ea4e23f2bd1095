"""Breaks when transfers take another time than SimGrid's flow model says."""

import json
import subprocess
import sys

import numpy as np
import pytest

from decentralizepy.network.flows import FairFlows
from tests.support import LIMIT_S, ROOT
from tests.support.transfers import ends

ORACLE = ROOT / "tests" / "support" / "simgrid_flows.py"
DEBIAN = "/usr/bin/python3"  # which has SimGrid after apt-get install python3-simgrid
LATENCY = 0.03


@pytest.fixture(scope="module")
def simgrid():
    """The interpreter that has SimGrid, which few platforms have a wheel of."""
    for python in (sys.executable, DEBIAN):
        try:
            subprocess.run(
                [python, "-c", "import simgrid"], check=True, timeout=LIMIT_S
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("SimGrid is not installed: pip install simgrid, or python3-simgrid")


@pytest.mark.parametrize("count", [2, 10, 60])
def test_transfers_end_when_simgrid_says(simgrid, count):
    """Over links of many capacities; at a given time, each pair has one transfer."""
    random = np.random.default_rng(count)
    up, down = random.uniform(1e6, 2e7, (2, 12))
    pairs = [(one, other) for one in range(12) for other in range(12) if one != other]
    chosen = random.permutation(len(pairs))[:count]
    flows = [
        (float(random.uniform(0, 3)), *pairs[n], int(random.uniform(1e6, 3e7)))
        for n in chosen
    ]
    given = {"up": [*up], "down": [*down], "latency": LATENCY, "flows": flows}
    done = subprocess.run(
        [simgrid, ORACLE],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    begun = np.array([flow[0] for flow in flows])
    theirs = np.array(json.loads(done.stdout)) - begun
    ours = np.array(ends(FairFlows(up, down), *flows)) + LATENCY - begun
    assert ours == pytest.approx(theirs, rel=0.02)
