"""The script generate_graph.py."""

import subprocess
import sys

import pytest

from decentralizepy.graphs import Graph, Ring
from tests.support import ROOT

SCRIPT = ROOT / "generate_graph.py"


@pytest.mark.processes
def test_makes_a_file(tmp_path):
    command = [sys.executable, SCRIPT, "-g", "Ring", "-n", "5", "-f", tmp_path / "g"]
    subprocess.run(command, check=True, capture_output=True)
    graph = Graph()
    graph.read_graph_from_file(tmp_path / "g")
    assert graph.adj_list == Ring(5).adj_list


@pytest.mark.processes
def test_a_mistake_is_exit_status_2():
    done = subprocess.run([sys.executable, SCRIPT, "--graph"], capture_output=True)
    assert done.returncode == 2
    assert done.stderr == b"argument -g/--graph: expected one argument\n"
