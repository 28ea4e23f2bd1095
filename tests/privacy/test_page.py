"""Breaks when an example of the page on privacy does not run as it is, or tells no epsilon."""

import re
import textwrap

import pytest

from decentralizepy.config import ini
from decentralizepy.graphs.FullyConnected import FullyConnected
from tests.support.launcher import results
from tests.support.pages import PAGES

BLOCK = re.compile(r"^\.\. code-block:: (\w+)\n\n((?:    .*\n|\n)+)", re.MULTILINE)
TEXTS = [
    (language, textwrap.dedent(text))
    for language, text in BLOCK.findall(PAGES["docs/privacy.rst"])
]
EXAMPLES = [text for language, text in TEXTS if language == "ini"]


def classes(text):
    return re.findall(r"^\w+_class = (\w+)$", text, re.MULTILINE)


@pytest.mark.parametrize("text", EXAMPLES, ids=map(str, map(classes, EXAMPLES)))
def test_an_example_runs(run_nodes, tmp_path, text):
    """Over a complete graph of four nodes."""
    path = tmp_path / "example.ini"
    path.write_text(text)
    run_nodes(FullyConnected(4), rounds=4, **ini.read(str(path)))
    table = results(run_nodes.folder)["1_results.json"]
    assert ("epsilon" in table) == ("DPTraining" in text)
    assert ("local_epsilon" in table) == ("Muffliato" in text)
    if "Muffliato" in text:
        assert table["network_epsilon"] == pytest.approx(table["local_epsilon"])


def test_the_python_runs():
    for language, text in TEXTS:
        if language == "python":
            exec(text, {})
