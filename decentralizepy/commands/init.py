"""``decentralizepy init``: write a complete, commented INI file, or a plug-in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any

from decentralizepy import factory
from decentralizepy.commands import template
from decentralizepy.commands.choices import Choice, find, find_model, is_like_ours
from decentralizepy.commands.parsers import Parser
from decentralizepy.config.signatures import Options
from decentralizepy.config.text import KINDS
from decentralizepy.datasets.sources.catalog import CATALOG
from decentralizepy.errors import ConfigError, shown
from decentralizepy.files import write_atomic

QUESTIONS = {
    "dataset": "Data set",
    "sharing": "Sharing algorithm",
    "graph": "Graph",
    "nodes": "Number of nodes",
    "rounds": "Number of rounds",
}
# values of options that have no default, where the field has a usual one
USUAL: Mapping[str, Any] = {
    "alpha": 0.1,
    "step_size": 0.5,
    "k_over_2": 2,
    "beta": 0.1,
    "graphs_dir": "graphs",
}


LOSSES = {"MovieLens": "MSELoss"}  # of data without classes
# algorithms that need a parameter server of their own
SERVED = {
    "STC": (
        "",
        "[NODE]",
        "node_package = decentralizepy.node.STC.STCClient",
        "node_class = STCClient",
        "server_package = decentralizepy.node.STC.STCServer",
        "server_class = STCServer",
    )
}
DATA = Path("eval/data")  # where data download writes


def main(argv: Sequence[str] | None = None) -> int:
    """Write an INI file, as ``decentralizepy init [FILE.ini]``, or a plug-in.

    In a terminal, asks for what no flag says of the INI file.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        args = parser().parse_args(argv)
        if kind := plugin(args):
            return _write_plugin(kind, getattr(args, kind), args.overwrite)
        args.file = args.file or Path("config.ini")
        if sys.stdin.isatty():
            ask(args)
        if args.file.exists() and not args.overwrite:
            raise ConfigError(f"{args.file}: exists already; --overwrite replaces it")
        write_atomic(args.file, render(args))
    except (ConfigError, OSError) as error:
        print(f"init: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, EOFError):
        print("init: stopped; nothing was written", file=sys.stderr)
        return 130
    print(f"{args.file} written; try it: decentralizepy check {args.file}")
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "init",
        "Write an INI file with all options and their defaults. In a terminal, ask for what "
        "is not given by flags. Without FILE.ini, a NAME that is not in this package writes "
        "a new class: a module, an INI file and a test, which run as they are.",
        "init config.ini --dataset fashion-mnist --sharing JWINS --nodes 16",
        "init --sharing MyIdea    # my_idea.py, my_idea.ini and test_my_idea.py",
    )
    add = parser.add_argument
    add("file", metavar="FILE.ini", type=Path, nargs="?", help="default: config.ini")
    add("--dataset", metavar="NAME", help="such as fashion-mnist (default: Digits)")
    add("--model", metavar="NAME", help="a model of the data set (default: its first)")
    add("--sharing", metavar="NAME", help="such as JWINS (default: Sharing)")
    add("--graph", metavar="NAME", help="such as Ring (default: Regular, of degree 4)")
    add("--node", metavar="NAME", help="write a node class")
    add("--training", metavar="NAME", help="write a training class")
    add(
        "--new", action="store_true", help="write a class, even if NAME is like another"
    )
    add("--nodes", metavar="N", type=int, help="number of nodes (default: 16)")
    add("--rounds", metavar="N", type=int, help="number of rounds (default: 100)")
    add("--overwrite", action="store_true", help="replace files")
    return parser


TREES: Mapping[str, str] = {"RelaySum": "BinaryTree"}
"""The graph, unless another is chosen, of an algorithm that needs a tree."""
DEFAULTS: Mapping[str, Any] = {
    "dataset": "Digits",
    "sharing": "Sharing",
    "graph": "Regular",
    "nodes": 16,
    "rounds": 100,
}


def plugin(args: argparse.Namespace) -> str:
    """Return the kind of plug-in that the flags ask for; "" if it is an INI file.

    Raises
    ------
    ConfigError
        If they ask for several, or for an INI file, too.
    """
    kinds = [kind for kind in template.SECTIONS if getattr(args, kind)]
    asked = args.new or args.node or args.training
    if not asked and (
        args.file or len(kinds) != 1 or is_like_ours(kinds[0], getattr(args, kinds[0]))
    ):
        return ""
    if args.file or len(kinds) != 1:
        told = ", ".join(f"--{kind}" for kind in template.SECTIONS)
        raise ConfigError(f"expected one of {told} for a new class, and no FILE.ini")
    return kinds[0]


def _write_plugin(kind: str, name: str, overwrite: bool) -> int:
    module, ini_file, test = template.write(kind, name, overwrite)
    print(
        f"{module}, {ini_file} and {test} written; try them: decentralizepy run "
        f"{ini_file}, pytest {test}"
    )
    return 0


def ask(args: argparse.Namespace) -> None:
    """Ask for what no flag says; an empty answer takes the default."""
    for name, question in QUESTIONS.items():
        if getattr(args, name) is None:
            default = DEFAULTS[name]
            answer = input(f"{question} [{default}]: ").strip() or str(default)
            if isinstance(default, int) and not answer.isdecimal():
                raise ConfigError(f"{question}: {answer}: expected a number")
            setattr(args, name, type(default)(answer))


def render(args: argparse.Namespace) -> str:
    """Return the text of the INI file.

    Raises
    ------
    ConfigError
        If there is no such data set, model, algorithm or graph, or a number is below 1.
    """
    chosen = {**DEFAULTS, **{k: v for k, v in vars(args).items() if v is not None}}
    for name in ("nodes", "rounds"):
        if chosen[name] < 1:
            raise ConfigError(f"--{name} {chosen[name]}: expected a number above 0")
    nodes, rounds = chosen["nodes"], chosen["rounds"]
    dataset = find("dataset", chosen["dataset"])
    sharing = find("sharing", chosen["sharing"])
    default = chosen["graph"] == DEFAULTS["graph"]
    tree = TREES.get(sharing.cls.__name__) if default else None
    graph = find("graph", tree or chosen["graph"])
    lines = [
        f"; {nodes} nodes learn {dataset.cls.__name__}. Lines after ; are options that have",
        "; their default; decentralizepy check shows what this file resolves to.",
        *_dataset(dataset, chosen.get("model")),
        *_training(dataset),
        *section("COMMUNICATION", find("comm", "IPC"), {}),
        *section("SHARING", sharing, {}),
        *SERVED.get(sharing.cls.__name__, ()),
        *section("GRAPH", graph, _graph(graph, nodes)),
        "",
        "[RUN]",
        f"procs_per_machine = {nodes}",
        f"iterations = {rounds}",
        "; rounds between two tests, and between two measurements of the training loss",
        f"test_after = {max(1, rounds // 10)}",
        f"train_evaluate_after = {max(1, rounds // 10)}",
        "; 1: a new optimizer in each round",
        "reset_optimizer = 0",
    ]
    return "\n".join([*lines, ""])


def _dataset(dataset: Choice, model: str | None) -> Iterator[str]:
    """Yield section DATASET, with the folders of data that have to be downloaded."""
    given: dict[str, Any] = {"model_class": find_model(dataset, model)}
    name = dataset.cls.__name__
    entries = [e for e in CATALOG.values() if e.dataset.rpartition(".")[2] == name]
    if entries and not getattr(dataset.cls, "bundled", False):
        given |= entries[0].directories(DATA)
        yield f"\n; get the data: decentralizepy data download {entries[0].name}"
    yield from section("DATASET", dataset, {**given, "random_seed": 90})


def _training(dataset: Choice) -> Iterator[str]:
    """Yield the sections of the optimizer and of the training."""
    optimizer = Choice("torch.optim", factory.load("torch.optim", "SGD"))
    yield from section("OPTIMIZER_PARAMS", optimizer, {"lr": 0.05})
    given = {
        "rounds": 3,  # steps
        "batch_size": 8,
        "shuffle": True,
        "loss_package": "torch.nn",
        "loss_class": LOSSES.get(dataset.cls.__name__, "CrossEntropyLoss"),
    }
    training = find("training", "Training")
    yield from section("TRAIN_PARAMS", training, given)


def _graph(graph: Choice, nodes: int) -> dict[str, Any]:
    """Return the options of a graph that depend on the number of nodes, and its seed."""
    known = Options.of(graph.cls).known
    given = {"degree": min(4, nodes - 1), "seed": 1}
    return {key: value for key, value in given.items() if key in known}


def section(name: str, choice: Choice, given: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a section: what is given, then all other options, commented."""
    prefix, arguments = KINDS[name]
    known = Options.of(choice.cls, len(arguments.split())).known
    yield ""
    if summary := (choice.cls.__doc__ or "").strip().splitlines()[:1]:
        yield f"; {summary[0]}"
    yield f"[{name}]"
    yield f"{prefix}_package = {choice.module}"
    yield f"{prefix}_class = {choice.cls.__name__}"
    yield from (f"{key} = {shown(value)}" for key, value in given.items())
    for key, option in known.items():
        if key in given:
            continue
        if option.default is Parameter.empty:
            yield f"{key} = {shown(USUAL.get(key, ''))}"
        else:
            yield f"; {key} = {shown(option.default)}".rstrip()
