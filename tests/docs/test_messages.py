"""Breaks when a message that the page on troubleshooting quotes is worded differently."""

import ast
import re

from tests.support import ROOT
from tests.support.pages import PAGES

GAP = "\0"  # stands for a value in an f-string


def texts():
    """Return all texts in the source, with a gap for each value of an f-string."""
    found = []
    for path in (ROOT / "decentralizepy").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = node.values
                found.append(
                    "".join(
                        (
                            getattr(part, "value", GAP)
                            if isinstance(part, ast.Constant)
                            else GAP
                        )
                        for part in parts
                    )
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return "\n".join(text.replace("\n", " ") for text in found)


def test_every_message_is_in_the_source():
    page = PAGES["docs/troubleshooting.rst"].partition("By message")[2]
    quoted = re.findall(r"^``(.+)``$", page, re.MULTILINE)
    assert len(quoted) > 40
    source = texts()
    missing = []
    for message in quoted:
        parts = [re.escape(part) for part in message.split("...")]
        if not re.search("[^\n]*?".join(parts), source):
            missing.append(message)
    assert missing == []
