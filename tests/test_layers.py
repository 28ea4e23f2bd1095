"""Breaks when a layer imports one above it, or a plug-in its siblings."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "decentralizepy"
BASE = {"errors", "files", "message", "nearest"}
# what the modules of a folder may import of the package, besides their own folder
ALLOWED = {
    "graphs": BASE,
    "mappings": BASE,
    "compression": BASE,
    "models": BASE,
    "communication": BASE | {"mappings"},
    "datasets": BASE | {"mappings", "models"},
    "training": {"errors"},
    "sharing": BASE | {"factory", "models.flat", "utils"},
    "node": BASE
    | {"checkpoints", "factory", "graphs", "models.flat", "results", "sharing.Sharing"},
}
LOW = ["errors", "files", "message", "nearest", "config", "flags", "utils", "values"]
PLUGINS = set(ALLOWED)
FOLDERS = sorted(ALLOWED)


def imports(path):
    """Return the dotted names that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def own(path):
    """Return what a module imports of the package, without the package's name."""
    found = {name for name in imports(path) if name.startswith("decentralizepy.")}
    return {name.removeprefix("decentralizepy.") for name in found}


def modules(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_what_is_below_it(folder):
    allowed = {folder, *ALLOWED[folder]}
    for path in modules(folder):
        for name in own(path):
            parts = {".".join(name.split(".")[:n]) for n in (1, 2, 3)}
            assert parts & allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("name", LOW)
def test_the_lowest_modules_know_no_plug_in(name):
    found = {each.split(".")[0] for each in own(PACKAGE / f"{name}.py")}
    assert not found & PLUGINS
    assert "torch" not in imports(PACKAGE / f"{name}.py")


def test_communication_alone_speaks_zeromq():
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if "zmq" in imports(path)
    }
    assert users == {"communication"}


def test_the_factory_alone_imports_by_name():
    users = {
        path.name for path in PACKAGE.rglob("*.py") if "importlib" in imports(path)
    }
    assert users == {"factory.py"}


def test_nothing_is_unpickled_but_by_a_closed_list():
    users = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if "pickle" in imports(path) and path.parent.name != "stand_in"  # only writes
    }
    assert users == {"_unpickle.py"}
