"""Breaks when an option of an INI file is not in the table of all options."""

import ast

import pytest

from decentralizepy.config import text
from decentralizepy.config.flags import run_flags
from decentralizepy.config.signatures import Options
from decentralizepy.factory import find_module, load
from tests.support import ROOT
from tests.support.pages import script

TABLE = script("option_table")
ROWS = TABLE.rows()
# the classes that an INI file cannot name
NOT_NAMED = {
    "Attack",
    "Dataset",
    "Communication",
    "Graph",
    "Mapping",
    "TimeVarying",
    "InProcess",
}


def modules(folder):
    """Return the public modules of a folder that are spelled like a class."""
    for path in sorted((ROOT / "decentralizepy" / folder).rglob("[A-Z]*.py")):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path.stem


@pytest.mark.parametrize("section", TABLE.FOLDERS)
def test_every_option_of_every_plug_in_has_a_row(section):
    folder, base = TABLE.FOLDERS[section]
    parent = load(f"decentralizepy.{folder}.{base}", base)
    passed = len(text.KINDS[section].arguments.split())
    shown = {(row.owner, row.key) for row in ROWS if row.section == section}
    names = set()
    for module, name in modules(folder):
        owner = getattr(find_module(module), name, None)
        is_plugin = isinstance(owner, type) and issubclass(owner, parent)
        if is_plugin and name not in NOT_NAMED:
            names.add(name)
            options = Options.of(owner, passed).known
            assert {(name, key) for key in options} <= shown
    assert names


def test_every_row_has_a_type_and_a_meaning():
    bare = [
        row[:3] for row in ROWS if not (row.meaning and (row.type or "." in row.key))
    ]
    assert bare == []


def test_every_option_of_a_tracker_has_a_row():
    """Read as text, since a tracker imports the library that it is for."""
    shown = {(row.owner, row.key) for row in ROWS if row.section == "TRACKING"}
    options = set()
    for module, name in modules("tracking"):
        path = ROOT / f"{module.replace('.', '/')}.py"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name == "__init__":
                options |= {(name, each.arg) for each in node.args.args[2:]}
    assert {("CSV", "file"), ("WandB", "mode")} <= options <= shown


def test_sections_without_a_class_are_complete():
    names = ("NODE", "FAULTS", "NETWORK", "OBSERVER", "CHURN")
    sections = {name: getattr(text, name) for name in names}
    for section, known in sections.items():
        keys = {row.key for row in ROWS if row.section == section}
        assert set(known.known) == keys - {
            f"{of}_{what}" for of in ("node", "server") for what in ("package", "class")
        }
    assert set(run_flags()) == {row.key for row in ROWS if row.section == "RUN"}


def test_a_default_is_that_of_the_signature():
    defaults = {(row.owner, row.key): row.default for row in ROWS}
    assert defaults["QSGD", "bits"] == "``4``"
    assert defaults["Choco", "alpha"] == "required"
    assert defaults["STC", "float_precision"] == "``8``"
    assert defaults["Digits", "test_batch_size"] == "``16``"


def test_a_meaning_of_a_parent_is_found():
    meanings = {(row.owner, row.key): row.meaning for row in ROWS}
    assert meanings["JWINS", "wavelet"] == "A discrete wavelet of PyWavelets."
    assert meanings["SubSampling", "save_shared"].startswith("Ranks 0 and 1 write")
    assert "drawn with ``random_seed``" in meanings["CIFAR10", "validation_size"]
