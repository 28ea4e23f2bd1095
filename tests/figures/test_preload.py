"""Breaks when figures wait for imports at the end of a run, or a run for those of figures."""

import subprocess
import sys

from decentralizepy.figures.preload import Preload

MODULES = ("matplotlib.backends.backend_agg", "matplotlib.image", "pandas")


def run(code):
    """Return what a new Python process prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_what_draws_figures_is_imported_once_started():
    code = f"""
import sys
from decentralizepy.figures.preload import Preload
with Preload() as figures:
    pass
print(*(name in sys.modules for name in {MODULES}))
with Preload() as figures:
    figures.start()
    figures.start()
print(*(name in sys.modules for name in {MODULES}))
"""
    assert run(code) == "False False False\nTrue True True\n"


def test_a_module_that_cannot_be_imported_is_left_to_who_draws(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with Preload() as figures:
        figures.start()
    assert capsys.readouterr().err == ""


def test_a_node_does_not_import_what_only_graphs_and_figures_need():
    """These take as long to import as all of this package, and every launch would."""
    code = """
import sys
import decentralizepy.launcher, decentralizepy.node.DPSGDNode
import decentralizepy.communication.TCP, decentralizepy.sharing.Sharing
print(sys.modules.keys() & {"networkx", "matplotlib", "pandas", "sklearn", "scipy"})
"""
    assert run(code) == "set()\n"
