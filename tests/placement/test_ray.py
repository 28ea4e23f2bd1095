"""A real Ray cluster; breaks when its nodes do not run one experiment, or outlive it."""

import importlib.util
import os
import shlex
import sys

import psutil
import pytest

from tests.support.launchers import ends
from tests.support.page import block

pytestmark = [
    pytest.mark.processes,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None,
        reason="needs ray (the extra of its name)",
    ),
]
NODES = 3


@pytest.fixture(scope="module")
def cluster():
    """Three nodes on this machine; the environment in which Ray finds them."""
    from ray.cluster_utils import Cluster

    size = {"num_cpus": 2, "object_store_memory": 80 << 20}
    head = {**size, "include_dashboard": False}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        made = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(NODES - 1):
            made.add_node(**size)
        made.wait_for_nodes()
        yield {**os.environ, "RAY_ADDRESS": made.address}
        made.shutdown()


def test_the_command_of_the_page_runs_on_all_nodes(tmp_path, cluster, launch):
    words = shlex.split(block("ray.sh"))[1:]
    words = [sys.executable, "-m", "decentralizepy", *words]
    flags = ["-is", "2", "-ld", str(tmp_path / "run")]
    ((status, shown, errors),) = ends([launch([*words, *flags], env=cluster)])
    assert status == 0, errors
    assert "machine 0 of 3" in shown
    assert "2 of 2" in shown
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 6
    for process in psutil.process_iter(["cmdline"]):
        assert str(tmp_path) not in " ".join(process.info["cmdline"] or ())
