"""The page of a report: one HTML file with its data, styles, scripts and plotly."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.report.failures import Problem

HERE = Path(__file__).parent


def page(
    title: str,
    head: Sequence[tuple[str, str]],
    rows: Mapping[str, Sequence[str]],
    problems: Sequence[Problem],
    data: Mapping[str, Any],
) -> str:
    """Return the page as text.

    Parameters
    ----------
    title
    head
        What was run: pairs of a name and a value.
    rows
        The columns of the table of methods, by their titles.
    problems
        What went wrong.
    data
        For the script ``page.js``.

    Raises
    ------
    ConfigError
        If plotly is not installed.
    """
    parts = {
        "title": escape(title),
        "head": _facts(head),
        "overview": _table(rows),
        "problems": _problems(problems),
        "style": _file("page.css"),
        "script": _file("page.js"),
        "data": packed(json.dumps(data, separators=(",", ":"))),
        "plotly": packed(plotly()),
    }
    text = _file("page.html")
    for name, content in parts.items():
        text = text.replace(f"<!-- {name} -->", content)
    return text


def plotly() -> str:
    """Return the source of plotly.js.

    Raises
    ------
    ConfigError
        If the package is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ConfigError(
            "plotly is not installed: pip install 'decentralizepy[report]'"
        ) from None
    return str(get_plotlyjs())


def packed(text: str) -> str:
    """Return text compressed, as base64, in which there is nothing to escape."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _facts(pairs: Iterable[tuple[str, str]]) -> str:
    rows = (f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in pairs)
    return f"<dl class='facts'>{''.join(rows)}</dl>"


def _table(columns: Mapping[str, Sequence[str]]) -> str:
    titles = "".join(f"<th scope='col'>{escape(title)}</th>" for title in columns)
    rows = []
    for name, *cells in zip(*columns.values(), strict=True):
        texts = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f"<tr><th scope='row'>{escape(name)}</th>{texts}</tr>")
    return (
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _problems(found: Sequence[Problem]) -> str:
    if not found:
        return "<p>None.</p>"
    items = []
    for each in found:
        line = f"<strong>{escape(each.place)}</strong>: {escape(each.cause)}"
        if each.text:
            text = f"<pre tabindex='0'>{escape(each.text)}</pre>"
            line = f"<details><summary>{line}</summary>{text}</details>"
        items.append(f"<li>{line}</li>")
    return f"<ul class='problems'>{''.join(items)}</ul>"
