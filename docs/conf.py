"""Sphinx configuration."""

import contextlib
import inspect
import io
import re
import sys
import textwrap
from inspect import Parameter
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

from decentralizepy.config.signatures import Options

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "docs"))

project = "decentralizepy"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "decentralizepy"
html_theme_options = {"footer_icons": [], "navigation_with_keys": True}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_js_files = ["filter.js"]
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
# browsers draw MathML themselves; MathJax would need a network
html_math_renderer = "mathml"
# a block without a language holds commands
highlight_language = "bash"
toc_object_entries_show_parents = "hide"

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# a data set's module also exports its models; they are documented where they are defined
# optional libraries, which trackers need
autodoc_mock_imports = ["mlflow", "wandb"]
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

    source[0], count = re.subn(
        r"^\.\. plugins:: (\w+)$", modules, source[0], flags=re.MULTILINE
    )
    if count:
        app.env.note_reread()  # a module may be new


def insert_options(app: Any, page: str, source: list[str]) -> None:
    """Replace a line ``.. options::`` with the table of all options."""
    if "\n.. options::\n" in source[0]:
        import option_table

        app.env.note_reread()
        source[0] = source[0].replace(".. options::", option_table.table())


def insert_commands(app: Any, page: str, source: list[str]) -> None:
    """Replace a line ``.. commands::`` with what each command prints for ``-h``."""
    if "\n.. commands::\n" not in source[0]:
        return
    from decentralizepy import cli

    app.env.note_reread()
    parts = []
    for name in cli.COMMANDS:
        text = io.StringIO()
        with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
            cli.main([name, "-h"])
        shown = textwrap.indent(text.getvalue(), "    ")
        parts.append(f"{name}\n{'-' * len(name)}\n\n.. code-block:: text\n\n{shown}")
    source[0] = source[0].replace(".. commands::", "\n".join(parts))


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


def write_formula(writer: Any, node: nodes.Element) -> None:
    """Write a formula as MathML."""
    block = isinstance(node, nodes.math_block)
    formula = tex2mathml(node.astext(), as_block=block)
    # bars of a norm are as high as parentheses
    writer.body.append(formula.replace(">‖<", ' stretchy="false">‖<'))
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Connect to Sphinx."""
    app.connect("source-read", list_plugins)
    app.connect("source-read", insert_options)
    app.connect("source-read", insert_commands)
    app.connect("autodoc-process-signature", list_options)
    formula = (write_formula, None)
    app.add_html_math_renderer("mathml", formula, formula)
