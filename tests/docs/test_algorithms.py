"""Breaks when an algorithm is missing from the page on algorithms."""

import re

import pytest

from tests.support import ROOT
from tests.support.pages import PAGES

# base classes, and what other classes are built from
PARTS = {
    "compression": {"Compression"},
    "graphs": {"Graph", "TimeVarying"},
    "node": {"LiveNode", "Node", "OverlayNode"},
    "sharing": set(),
}


@pytest.mark.parametrize("folder", PARTS)
def test_every_algorithm_is_on_its_page(folder):
    page = PAGES["docs/algorithms.rst"]
    told = set(re.findall(rf"`~decentralizepy\.{folder}\.(?:\w+\.)*?(\w+)\.\w+`", page))
    paths = (ROOT / "decentralizepy" / folder).rglob("[A-Z]*.py")
    assert {path.stem for path in paths} - PARTS[folder] == told
