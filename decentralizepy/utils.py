"""The flags of the launch scripts, and small functions that scripts of users call."""

import json
import math
import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic
from decentralizepy.nearest import did_you_mean

T = TypeVar("T")
Reading = Callable[[str], Any]

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def conditional_value(var: Any, nul: Any, default: Any) -> Any:
    """Return ``var``, or ``default`` where ``var`` equals ``nul``."""
    return default if var == nul else var


def remove_keys(d: Mapping[str, T], keys_to_remove: Iterable[str]) -> dict[str, T]:
    """Return a copy of ``d`` without the keys."""
    removed = set(keys_to_remove)
    return {key: value for key, value in d.items() if key not in removed}


def identity(obj: T) -> T:
    """Return ``obj``."""
    return obj


def write_args(args: Namespace, dir: str | os.PathLike[str]) -> None:
    """Write every argument to ``args.json`` in the folder ``dir``, whole or not at all."""
    text = json.dumps(vars(args), default=str, indent=1)
    write_atomic(os.path.join(dir, "args.json"), text)


# -- the flags -------------------------------------------------------------------


class _Flag(NamedTuple):
    short: str
    name: str
    reading: Reading
    default: Any
    help: str


def make_parser() -> ArgumentParser:
    """Return the parser of the sixteen flags, to which a command may add its own."""
    parser = ArgumentParser()
    for flag in _flags():
        parser.add_argument(
            flag.short,
            f"--{flag.name}",
            type=flag.reading,
            nargs="+" if isinstance(flag.default, list) else None,
            default=flag.default,
            help=f"{flag.help} (default: %(default)s)",
            metavar=flag.name.upper(),
        )
    return parser


def get_args(
    argv: Sequence[str] | None = None,
    defaults: Mapping[str, Any] | None = None,
    parser: ArgumentParser | None = None,
) -> Namespace:
    """Return the flags of a launch.

    Parameters
    ----------
    argv
        The words of the command line; those of this process if not given.
    defaults
        The section RUN of the INI file: long names of flags and their values, which
        count where a flag is not given.
    parser
        :func:`make_parser`'s, with the flags of a command added.

    Raises
    ------
    ConfigError
        If ``defaults`` has an unknown name or a value that does not fit, each in a line.
    SystemExit
        With status 2, after a message, if a flag does not fit.
    """
    parser = parser or make_parser()
    args = parser.parse_args(argv)
    if not defaults:
        return args
    problems = list(run_problems(defaults))
    if problems:
        lines = (f"{args.config_file}: [RUN] {problem}" for problem in problems)
        raise ConfigError("\n".join(lines))
    return parser.parse_args(argv, Namespace(**_run_values(defaults)))


def given(
    argv: Sequence[str] | None = None, parser: ArgumentParser | None = None
) -> set[str]:
    """Return the long names of the flags that the command line holds."""
    unset = object()
    names = [flag.name for flag in _flags()]
    blank = Namespace(**dict.fromkeys(names, unset))
    args, _ = (parser or make_parser()).parse_known_args(argv, blank)
    return {name for name in names if getattr(args, name) is not unset}


def run_problems(section: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a section RUN, one line each."""
    flags = _run_flags()
    for key, value in _filled(section).items():
        if key not in flags:
            listed = f"; these are: {', '.join(flags)}"
            yield f"{key}: no such flag{did_you_mean(key, flags) or listed}"
            continue
        try:
            _value(flags[key], value)
        except ArgumentTypeError as error:
            yield f"{key} = {error}"


def _run_values(section: Mapping[str, Any]) -> dict[str, Any]:
    flags = _run_flags()
    return {key: _value(flags[key], value) for key, value in _filled(section).items()}


def _filled(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value not in ("", None)}


def _run_flags() -> dict[str, _Flag]:
    return {flag.name: flag for flag in _flags() if flag.name != "config_file"}


def _value(flag: _Flag, value: Any) -> Any:
    if isinstance(flag.default, list):
        return [flag.reading(word) for word in str(value).split()]
    return flag.reading(str(value))


def _flags() -> list[_Flag]:
    now = datetime.now().isoformat(timespec="seconds")
    whole, count = _whole(), _whole(1)
    return [
        _Flag("-mid", "machine_id", _whole(0), 0, "number of this machine"),
        _Flag(
            "-ps",
            "procs_per_machine",
            _whole(0),
            [1],
            "processes of a machine, or of each machine in turn",
        ),
        _Flag("-ms", "machines", count, 1, "number of machines"),
        _Flag("-ld", "log_dir", str, f"./{now}", "folder of logs and results"),
        _Flag(
            "-wsd",
            "weights_store_dir",
            str,
            f"./{now}_ws",
            "folder of the final weights",
        ),
        _Flag("-is", "iterations", count, 1, "rounds"),
        _Flag("-cf", "config_file", str, "config.ini", "the INI file"),
        _Flag("-ll", "log_level", _level, "INFO", "least level that is logged"),
        _Flag("-gf", "graph_file", str, "36_nodes.edges", "the graph"),
        _Flag("-gt", "graph_type", _graph_type, "edges", "edges or adjacency"),
        _Flag("-ta", "test_after", count, 5, "test every so many rounds"),
        _Flag(
            "-tea",
            "train_evaluate_after",
            count,
            1,
            "training loss every so many rounds",
        ),
        _Flag(
            "-ro", "reset_optimizer", whole, 1, "1: a fresh optimizer in every round"
        ),
        _Flag("-sm", "server_machine", _whole(0), 0, "machine that hosts the service"),
        _Flag("-sr", "server_rank", whole, -1, "rank of the service"),
        _Flag(
            "-wr",
            "working_rate",
            _rate,
            1.0,
            "fraction of clients in a federated round",
        ),
    ]


def _whole(least: int | None = None) -> Reading:
    above = "" if least is None else f" from {least} up"
    expected = f"expected a whole number{above}"
    return _number(int, expected, lambda number: least is None or number >= least)


def _rate(text: str) -> float:
    expected = "expected a number above 0 and up to 1"
    return float(_number(float, expected, lambda number: 0 < number <= 1)(text))


def _number(
    kind: Callable[[str], float], expected: str, fits: Callable[[float], bool]
) -> Reading:
    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        if number != number or not fits(number):
            raise ArgumentTypeError(f"{text}: {expected}")
        return number

    return read


def _level(text: str) -> str:
    level = text.upper()
    return _one_of(_LEVELS, "WARNING" if level == "WARN" else level)


def _graph_type(text: str) -> str:
    return _one_of(("edges", "adjacency"), text)


def _one_of(names: tuple[str, ...], text: str) -> str:
    if text not in names:
        raise ArgumentTypeError(f"{text}: expected {' or '.join(names)}")
    return text
