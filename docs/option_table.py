"""Writes the table of all options of an INI file, from signatures and docstrings."""

import csv
import inspect
import re
from collections.abc import Iterator
from inspect import Parameter
from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy import factory
from decentralizepy.config.flags import run_flags
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "decentralizepy"
HEADER = ("Section", "Class", "Key", "Type", "Default", "Meaning")
WIDTHS = "13 14 16 12 13 32"
# the folder of each section's classes, and the class from which all of them inherit
FOLDERS = {
    "DATASET": ("datasets", "Dataset"),
    "TRAIN_PARAMS": ("training", "Training"),
    "COMMUNICATION": ("communication", "Communication"),
    "SHARING": ("sharing", "Sharing"),
    "GRAPH": ("graphs", "Graph"),
    "MAPPING": ("mappings", "Mapping"),
    "ATTACK": ("attacks", "Attack"),
}
# classes that no INI file names: they only have subclasses, or are given what no file holds
UNNAMED = (
    "Attack",
    "Dataset",
    "Communication",
    "Graph",
    "Mapping",
    "TimeVarying",
    "InProcess",
)
DATED = {"log_dir": "``./<start time>``", "weights_store_dir": "``./<start time>_ws``"}
ELSEWHERE = re.compile(r"(As for :class:`[^`]*`|Likewise)[.;]\s*")
ITEM = re.compile(r"^(\*{0,2}[\w., *]+?)(?: : (.*))?$")


class Row(NamedTuple):
    """An option: where it is set, and what it means, in reStructuredText."""

    section: str
    owner: str
    key: str
    type: str
    default: str
    meaning: str


class Entry(NamedTuple):
    """What a docstring says of a parameter."""

    type: str = ""
    default: str = ""
    meaning: str = ""
    group: frozenset[str] = frozenset()
    """All parameters that share this description."""


def plugins(section: str) -> Iterator[tuple[str, type]]:
    """Yield (module, class) of each class of this package that a section can name."""
    folder, base = FOLDERS[section]
    parent = factory.load(f"decentralizepy.{folder}.{base}", base)
    for path in sorted((PACKAGE / folder).rglob("[A-Z]*.py")):
        module = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        named = getattr(factory.find_module(module), path.stem, None)
        is_plugin = inspect.isclass(named) and issubclass(named, parent)
        if is_plugin and path.stem not in UNNAMED:
            yield module, named


def rows() -> list[Row]:
    """Return all options, in the order of sections, classes and signatures."""
    found: list[Row] = []
    others = other_rows()
    for section, (prefix, arguments) in KINDS.items():
        found += class_keys(section, prefix)
        found += [each for each in others if each.section == section]
        for _, owner in plugins(section) if section in FOLDERS else ():
            known = Options.of(owner, len(arguments.split())).known
            found += [row(section, owner, option) for option in known.values()]
    found += [each for each in others if each.section not in KINDS]
    return [*found, *run_rows()]


def other_rows() -> list[Row]:
    """Return the keys that are options of no class."""
    with (DOCS / "options_without_class.csv").open(newline="") as file:
        return [Row(*words) for words in list(csv.reader(file))[1:]]


def class_keys(section: str, prefix: str) -> Iterator[Row]:
    """Yield the two keys that name the class of a section."""
    yield Row(
        section, "any", f"{prefix}_package", "str", "", "The module of the class."
    )
    yield Row(section, "any", f"{prefix}_class", "str", "", "The class.")


def run_rows() -> Iterator[Row]:
    """Yield the flags, which section RUN sets."""
    for flag in run_flags().values():
        default = DATED.get(flag.name, code(flag.default))
        meaning = f"{sentence(flag.help)}."
        yield Row("RUN", "", flag.name, flag.reading.expected, default, meaning)


def row(section: str, owner: type, option: Parameter) -> Row:
    """Return what signature and docstring say of an option."""
    entry = documented(owner, option.name)
    default = code(option.default) or entry.default
    return Row(section, owner.__name__, option.name, entry.type, default, entry.meaning)


def code(value: Any) -> str:
    """Return a default as a literal; empty if the class chooses one."""
    if value is Parameter.empty:
        return "required"
    if value is None or (isinstance(value, str) and not value):
        return ""
    return f"``{getattr(value, '__name__', value)}``"


def documented(owner: type, name: str) -> Entry:
    """Return what a class says of an option, completed by its parents where it refers to them."""
    entry, complete = Entry(), False
    for each in owner.__mro__:
        said = entries(each.__dict__.get("__doc__")).get(name)
        if said is None:
            continue
        if complete:  # but for the type
            said = said._replace(meaning="")
        refers = ELSEWHERE.match(said.meaning)
        own = said.meaning[refers.end() :] if refers else said.meaning
        if refers and set(re.findall(r"``(\w+)``", own)) & said.group - {name}:
            own = own if f"``{name}``" in own else ""  # it is about another one
        texts = filter(None, (sentence(own), entry.meaning))
        entry = Entry(
            entry.type or said.type, entry.default or said.default, " ".join(texts)
        )
        complete = complete or bool(own and not refers)
    return entry


def sentence(text: str) -> str:
    """Return a text that begins in upper case."""
    return text[:1].upper() + text[1:]


def entries(doc: str | None) -> dict[str, Entry]:
    """Return the parameters of a numpydoc docstring, by name."""
    found: dict[str, Entry] = {}
    section = inspect.cleandoc(doc or "").partition("Parameters\n----------\n")[2]
    names: list[str] = []
    for line in section.split("\n"):
        if re.match(r"^-+$", line):  # the line before is the title of the next section
            break
        item = ITEM.match(line)
        if item and line[0] != " ":
            names = [name.strip("* ") for name in item[1].split(",")]
            found |= dict.fromkeys(names, _entry(item[2] or "", names))
        elif line.strip():
            for name in names:
                text = f"{found[name].meaning} {line.strip()}".strip()
                found[name] = found[name]._replace(meaning=text)
    return found


def _entry(text: str, names: list[str]) -> Entry:
    kind, _, default = text.partition(", default ")
    shown = "" if default in ("", '""') else f"``{default}``"
    return Entry(kind.removesuffix(", optional"), shown, "", frozenset(names))


def table() -> str:
    """Return the table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {WIDTHS}"]
    lines += ["   :class: filtered", ""]
    for first, *rest in (HEADER, *map(cells, rows())):
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in rest)]
    return "\n".join(lines)


def cells(each: Row) -> tuple[str, ...]:
    """Return the cells of a row; roles that are relative to a class become plain text."""
    meaning = re.sub(r":(?:meth|attr|func):`([\w.]+)`", r"``\1``", each.meaning)
    kind = f"``{each.type}``" if each.type.startswith("{") else each.type
    return each.section, each.owner, f"``{each.key}``", kind, each.default, meaning
