"""Sphinx configuration."""

import inspect
import re
from inspect import Parameter
from pathlib import Path
from typing import Any

from decentralizepy.config.signatures import Options

ROOT = Path(__file__).resolve().parent.parent

project = "decentralizepy"
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"fixed_sidebar": True, "page_width": "60em"}
html_show_copyright = False
html_show_sourcelink = False
toc_object_entries = False

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# a data set's module also exports its models; they are documented where they are defined
autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "ignore-module-all": True,
}
# a method is documented where it is defined, not again where it is overridden
autodoc_inherit_docstrings = False
# docstrings describe the types in words
autodoc_typehints = "none"

napoleon_google_docstring = False
# types are prose ("int, default 50"), not names to cross-reference
napoleon_use_param = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]


def list_plugins(app: Any, page: str, source: list[str]) -> None:
    """Replace a line ``.. plugins:: FOLDER`` with the folder's public modules.

    Modules that the page lists itself, and private ones, are left out.
    """

    def modules(match: re.Match[str]) -> str:
        paths = sorted((ROOT / "decentralizepy" / match[1]).rglob("[!_]*.py"))
        names = (
            ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths
        )
        lines = (f".. automodule:: {name}" for name in names)
        return "\n".join(line for line in lines if f"{line}\n" not in source[0])

    source[0] = re.sub(
        r"^\.\. plugins:: (\w+)$", modules, source[0], flags=re.MULTILINE
    )


def list_options(
    app: Any,
    what: str,
    name: str,
    target: Any,
    options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """Include options that a class's constructor passes on to its parents."""
    if what != "class" or "**" not in (signature or ""):
        return None
    found = Options.of(target)
    if not found.closed:
        return None
    bare = [
        each.replace(annotation=Parameter.empty, kind=Parameter.KEYWORD_ONLY)
        for each in found.known.values()
    ]
    required_first = sorted(bare, key=lambda each: each.default is not Parameter.empty)
    whole = str(inspect.Signature(required_first)).replace("*, ", "", 1)
    return whole, returned


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", list_plugins)
    app.connect("autodoc-process-signature", list_options)
