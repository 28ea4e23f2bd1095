"""Breaks when an example of docs/library.rst does not run."""

import re

import pytest

from tests.support.outside import python
from tests.support.page import block


@pytest.mark.processes
@pytest.mark.slow
def test_ten_lines_lead_from_import_to_a_picture(tmp_path):
    script = tmp_path / "accuracy.py"
    text = block(script.name, page="library")
    script.write_text(text)
    assert len(text.split("\n\n", 1)[1].strip().splitlines()) <= 10
    done = python(tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "accuracy.png").read_bytes().startswith(b"\x89PNG")
    assert re.search(r"^done \d+$", done.stdout.splitlines()[-1])


def test_the_callback_names_the_worst_node(tmp_path, capsys):
    names = {}
    exec(block("worst.py", page="library"), names)
    rows = {0: {"test_acc": 40.0}, 1: {"test_acc": 30.0}}
    names["Worst"](tmp_path).on_evaluation(3, rows)
    names["Worst"](tmp_path, below=20.0).on_evaluation(3, rows)
    assert capsys.readouterr().out == "round 3: node 1 is the worst\n"
