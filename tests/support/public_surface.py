"""The names of the public DecentralizePy: modules, classes, methods and their parameters."""

import re
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_suffix(".txt")


class Method(NamedTuple):
    module: str
    cls: str  # "" for a function of the module
    name: str
    parameters: tuple[str, ...]

    def __str__(self):
        return ".".join(filter(None, (self.module, self.cls, self.name)))


def constants():
    """Return (module, name) of each constant."""
    return [
        (module, name)
        for module, owner, text in _lines()
        if owner == "constants"
        for name in text.split(", ")
    ]


def methods():
    """Return every method of every class, and every function of a module."""
    return [
        _method(module, "" if owner == "functions" else owner, text)
        for module, owner, line in _lines()
        if owner != "constants"
        for text in line.split("; ")
    ]


def _lines():
    module = ""
    for line in TABLE.read_text().splitlines():
        if line.startswith("["):
            module = line.strip("[]")
        else:
            owner, text = line.split(": ", 1)
            yield module, owner, text


def _method(module, owner, text):
    name, inner = re.fullmatch(r"(\w+)\((.*)\)", text).groups()
    # a comma inside a default, as in '[0.1, 0.2]', begins no name
    names = re.findall(r"(?:^|, )(\*{0,2}[A-Za-z_]\w*)(?=,|=|$)", inner)
    return Method(module, owner, name, tuple(names))
