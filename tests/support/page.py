"""The commands on the page about clusters."""

import re
import textwrap

from tests.support import ROOT


def block(name):
    """Return a code block of the page, by its caption."""
    page = (ROOT / "docs/clusters.rst").read_text()
    start = f":caption: {name}\n\n"
    text = page[page.index(start) + len(start) :]
    return textwrap.dedent(re.match(r"(    .*\n|\n)+", text)[0]).strip()
