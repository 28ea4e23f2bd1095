"""Code blocks of the documentation, by their captions."""

import re
import textwrap

from tests.support import ROOT


def block(name, page="clusters"):
    """Return the code block of a page with this caption."""
    text = (ROOT / f"docs/{page}.rst").read_text()
    start = f":caption: {name}\n\n"
    text = text[text.index(start) + len(start) :]
    return textwrap.dedent(re.match(r"(    .*\n|\n)+", text)[0]).strip()
