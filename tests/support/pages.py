"""The pages of the documentation, and the commands in them."""

import importlib.util
import re
import shlex
import textwrap

from tests.support import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (
        ROOT / "README.rst",
        ROOT / "tutorial/README.rst",
        *sorted((ROOT / "docs").rglob("*.rst")),
    )
}
# a block after "::" has no language: it holds commands
BLOCK = re.compile(
    r"^( *)(?:(?!\.\. ).*::|\.\. code-block:: bash(?:\n +:.*)*)\n\n((?:\1 +.*\n|\n)+)",
    re.MULTILINE,
)
INLINE = re.compile(r"``((?:decentralizepy|bash eval/run\.sh) [^`]+)``")


def script(name):
    """Return a module of the folder docs."""
    path = ROOT / f"docs/{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page):
    """Return the blocks of commands of a page, each a list of lines."""
    texts = (match[2] for match in BLOCK.finditer(PAGES[page]))
    return [textwrap.dedent(text).replace("\\\n", " ").strip() for text in texts]


def commands(page):
    """Return the commands in the blocks of a page, as words, without comments."""
    lines = "\n".join(blocks(page)).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def inline(page):
    """Return the commands in the text of a page that have arguments, as words."""
    found = (
        shlex.split(" ".join(each.split())) for each in INLINE.findall(PAGES[page])
    )
    return [words for words in found if len(words) > 2 + (words[1] == "data")]
