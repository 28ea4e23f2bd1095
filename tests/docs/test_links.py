"""Breaks when a page links to a file that is not there, or to an address that cannot be."""

import re
from urllib.parse import urlsplit

import pytest

from tests.support import ROOT
from tests.support.pages import PAGES

NAMED = re.compile(
    r"(?:bash |python |``)((?!eval/data)(?:eval|tests|docs|tutorial)/[\w./-]+)"
)
PICTURE = re.compile(r"^ *\.\. (?:image|figure):: (\S+)", re.MULTILINE)
LINK = re.compile(r"<(https?:[^>]*)>|\b(https?://[^\s`>)]+)")


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page):
    missing = [
        word for word in NAMED.findall(PAGES[page]) if not (ROOT / word).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_pictures_are_there(page):
    folder = (ROOT / page).parent
    missing = [
        each for each in PICTURE.findall(PAGES[page]) if not (folder / each).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_links_are_addresses(page):
    for link in map("".join, LINK.findall(PAGES[page])):
        address = urlsplit(link)
        assert address.scheme == "https", link
        assert re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", address.netloc), link
        assert not re.search(r"[\s.,;]$", link), link


def test_a_link_is_found():
    assert ["".join(each) for each in LINK.findall("`D-PSGD <https://a.org/1>`_")] == [
        "https://a.org/1"
    ]
