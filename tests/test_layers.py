"""Breaks when a layer imports one above it, imports form a cycle, or a module is too long."""

import ast
from pathlib import Path

import networkx as nx
import pytest

TESTS = Path(__file__).resolve().parent
PACKAGE = Path(__file__).resolve().parent.parent / "decentralizepy"
TEXT = {"errors", "files", "machine", "message", "randomness", "utils", "config"}
RUN = TEXT | {"checkpoints", "factory", "graphs", "mappings", "runs"}
SEEN = TEXT | {"results", "monitor", "figures"}
# what the modules of a folder may import of the package, besides their own folder
ALLOWED = {
    "config": {"errors", "factory", "utils"},
    "graphs": {"errors", "files", "randomness"},
    "mappings": {"errors"},
    "compression": {"errors", "message"},
    "models": {"errors", "files"},
    "communication": {"config.signatures", "errors", "files", "message", "mappings"},
    "datasets": {
        "checkpoints",
        "config.numbers",
        "config.order",
        "config.overrides",
        "config.signatures",
        "errors",
        "files",
    }
    | {"mappings", "models", "once", "randomness"},
    "attacks": {"config.numbers", "errors", "randomness"},
    "training": {"checkpoints", "config.overrides", "errors", "randomness"},
    "sharing": {
        "checkpoints",
        "config.numbers",
        "config.order",
        "config.overrides",
        "config.signatures",
        "errors",
        "factory",
    }
    | {"files", "message", "models.flat", "models.views", "privacy", "randomness"}
    | {"utils"},
    "network": {"config.numbers", "errors", "message", "randomness"},
    "privacy": set(),
    "node": TEXT
    | {"checkpoints", "factory", "graphs", "mappings", "models.Model", "models.flat"}
    | {"attacks.byzantine", "models.decay", "models.lazy"}
    | {"network.churn", "network.clock", "network.record", "once"}
    | {"results.columns", "results.lines", "results.schedule", "results.sketch"}
    | {"results.observed", "results.write"}
    | {"sharing.checks", "sharing.decoded", "sharing.finite", "sharing.many"}
    | {"sharing.Sharing"},
    # a rule about two plug-ins has to know both
    "runs": RUN
    | {"models", "network", "node", "results", "sharing", "training.last_batch"}
    | {"attacks.byzantine", "training.augmentation", "training.rates"},
    # what a process keeps only once is each node's own
    "engines": TEXT
    | {"runs", "network", "node.process", "communication.workers"}
    | {"results.columns", "results.lines"},
    # it forks, as engines do
    "sweeps": RUN | {"engines.forks"},
    "placement": RUN,
    "tracking": {"files"},
    "results": TEXT | {"network.record"},
    "monitor": TEXT | {"results", "node.notice"},
    "figures": SEEN,
    # it runs and compares as the commands do
    "reproduce": SEEN | {"audit.measure", "commands.compare", "sweeps"},
}
LOW = sorted(TEXT - {"config"} | {f"config/{name}" for name in ("ini", "values")})
PLUGINS = {
    *("attacks", "communication", "compression", "datasets", "graphs", "mappings"),
    *("models", "node", "sharing", "training"),
}
LINES, FUNCTION_LINES, CODE_LINES = 300, 40, 80
# what these have besides an algorithm: they are base classes, or keep old interfaces
LONG = {
    *("FederatedParameterServer", "Graph", "LiveNode", "Node", "Sharing", "Training"),
    *("DPSGDNodeFederated", "KNN", "PartialModel", "PowerGossip", "STC"),
}


def tree(path):
    return ast.parse(path.read_text())


def imports(path):
    """Return the dotted names that a module imports, wherever in it."""
    names = set()
    for node in ast.walk(tree(path)):
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


def modules(folder="."):
    return sorted((PACKAGE / folder).rglob("*.py"))


def dotted(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


@pytest.mark.parametrize("folder", sorted(ALLOWED))
def test_a_folder_imports_only_what_is_below_it(folder):
    allowed = {folder, *ALLOWED[folder]}
    for path in modules(folder):
        for name in own(path):
            parts = {".".join(name.split(".")[:n]) for n in (1, 2, 3)}
            assert parts & allowed, f"{dotted(path)} imports {name}"


@pytest.mark.parametrize("name", LOW)
def test_the_lowest_modules_know_no_plug_in(name):
    found = {each.split(".")[0] for each in own(PACKAGE / f"{name}.py")}
    assert not found & PLUGINS
    assert "torch" not in imports(PACKAGE / f"{name}.py")


def test_no_modules_import_each_other_in_a_circle():
    names = {dotted(path) for path in modules()}
    graph = nx.DiGraph()
    for path in modules():
        module = dotted(path)
        for name in own(path) & names:
            if not module.startswith(name):  # itself, or the package it is in
                graph.add_edge(module, name)
    knots = [knot for knot in nx.strongly_connected_components(graph) if len(knot) > 1]
    assert knots == []


def test_a_module_with_an_underscore_is_imported_from_its_folder_alone():
    for path in modules():
        for name in own(path):
            folder, _, last = name.rpartition(".")
            if (PACKAGE / f"{name.replace('.', '/')}.py").exists() and last[0] == "_":
                home = ".".join(path.relative_to(PACKAGE).parts[:-1])
                assert folder == home, f"{dotted(path)} imports {name}"


def test_modules_and_functions_stay_short():
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for path in modules():
        assert len(path.read_text().splitlines()) <= LINES, path
        for node in ast.walk(tree(path)):
            if isinstance(node, functions):
                length = node.end_lineno - node.lineno + 1 - docstring_lines(node)
                assert length <= FUNCTION_LINES, f"{path.name}: {node.name}"


def test_a_plug_in_is_short():
    """Without docstrings, comments and blank lines: what is no algorithm is elsewhere."""
    for folder in ("attacks", "compression", "graphs", "node", "sharing", "training"):
        for path in modules(folder):
            if path.stem[0].isupper() and path.stem not in LONG:
                assert code_lines(path) < CODE_LINES, path


def code_lines(path):
    """Return how many lines a module has without docstrings, comments and blank lines."""
    bare = [line.split("#")[0].strip() for line in path.read_text().splitlines()]
    for node in ast.walk(tree(path)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                for number in range(node.lineno, node.end_lineno + 1):
                    bare[number - 1] = ""
    return sum(map(bool, bare))


def docstring_lines(function):
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return 0
    return first.end_lineno - first.lineno + 1


def test_tests_share_through_the_support_folder_alone():
    for path in TESTS.rglob("*.py"):
        for name in imports(path):
            if name.startswith("tests."):
                assert name.startswith("tests.support"), f"{path} imports {name}"


def test_no_test_asserts_how_long_something_took():
    """A slower or busier machine would fail it; a hang is what LIMIT_S is for."""
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(tree(path)):
            match node:
                case ast.Attribute(attr="process_time" | "thread_time" | "getrusage"):
                    pass
                case ast.Attribute(attr="timeout", value=ast.Attribute(attr="mark")):
                    pass
                case ast.Compare(
                    left=ast.BinOp(left=ast.Call(args=[]), op=ast.Sub()),
                    ops=[ast.Lt() | ast.LtE()],
                ):
                    pass
                case _:
                    continue
            pytest.fail(f"{path}, line {node.lineno}: {ast.unparse(node)}")


def test_communication_alone_speaks_zeromq():
    users = {
        path.relative_to(PACKAGE).parts[0]
        for path in modules()
        if "zmq" in imports(path)
    }
    assert users == {"communication"}


def test_the_factory_alone_imports_by_name():
    users = {path.name for path in modules() if "importlib" in imports(path)}
    assert users == {"factory.py"}


def test_nothing_is_unpickled_but_by_a_closed_list():
    users = {
        path.name
        for path in modules()
        if "pickle" in imports(path) and path.parent.name != "stand_in"  # only writes
    }
    assert users == {"unpickle.py"}
