"""The flags of a launch, on the command line or in section RUN."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from decentralizepy.errors import did_you_mean

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_GRAPH_TYPES = ("edges", "adjacency")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Flag(NamedTuple):
    """A flag: its names, what its text means, and what counts without it.

    A flag whose default is False is a switch, which takes no value on the command line;
    one whose default is a list takes one value or more.
    """

    short: str
    name: str
    reading: Callable[[str], Any]
    default: Any
    help: str


def flags() -> list[Flag]:
    """Return all flags: upstream's sixteen, then those without a short name."""
    now = datetime.now().isoformat(timespec="seconds")
    whole, natural, count = _whole(), _whole(0), _whole(1)
    rate = _reading(float, "a number above 0 and up to 1", lambda part: 0 < part <= 1)
    level = _reading(_level, " or ".join(_LEVELS), _LEVELS.__contains__)
    form = _reading(str, " or ".join(_GRAPH_TYPES), _GRAPH_TYPES.__contains__)
    truth = _reading(_truth, "true or false", lambda known: True)
    return [
        Flag("-mid", "machine_id", natural, 0, "number of this machine"),
        Flag("-ps", "procs_per_machine", natural, [1], "processes, of all or of each"),
        Flag("-ms", "machines", count, 1, "number of machines"),
        Flag("-ld", "log_dir", str, f"./{now}", "folder of logs and results"),
        Flag("-wsd", "weights_store_dir", str, f"./{now}_ws", "folder of the weights"),
        Flag("-is", "iterations", count, 1, "rounds"),
        Flag("-cf", "config_file", str, "config.ini", "the INI file"),
        Flag("-ll", "log_level", level, "INFO", "least level that is logged"),
        Flag("-gf", "graph_file", str, "36_nodes.edges", "the graph"),
        Flag("-gt", "graph_type", form, "edges", "edges or adjacency"),
        Flag("-ta", "test_after", count, 5, "rounds from test to test"),
        Flag("-tea", "train_evaluate_after", count, 1, "same, for the training loss"),
        Flag("-ro", "reset_optimizer", whole, 1, "1: a fresh optimizer in each round"),
        Flag("-sm", "server_machine", natural, 0, "machine of the service"),
        Flag("-sr", "server_rank", whole, -1, "rank of the service"),
        Flag("-wr", "working_rate", rate, 1.0, "fraction of clients in a round"),
        Flag("", "force", truth, False, "start in spite of what preflight estimates"),
        Flag("", "overwrite", truth, False, "replace the run in the log folder"),
        Flag("", "resume", str, "", "log folder of the run to go on with"),
        Flag(
            "",
            "checkpoint_every",
            natural,
            0,
            "rounds from checkpoint to checkpoint; 0: none",
        ),
        Flag("", "max_restarts", natural, 3, "how often a node is started again"),
        Flag(
            "", "allow_disconnected", truth, False, "let parts of a graph learn apart"
        ),
    ]


def run_problems(section: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a section RUN, one line each."""
    known = _run_flags()
    for key, value in _filled(section).items():
        if key not in known:
            listed = f"; these are: {', '.join(known)}"
            yield f"{key}: no such flag{did_you_mean(key, known) or listed}"
            continue
        try:
            _value(known[key], value)
        except ArgumentTypeError as error:
            yield f"{key} = {error}"


def run_values(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a section RUN without problems says, as the flags would."""
    known = _run_flags()
    return {key: _value(known[key], value) for key, value in _filled(section).items()}


def _filled(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value not in ("", None)}


def _run_flags() -> dict[str, Flag]:
    # a file cannot say which file it is
    return {flag.name: flag for flag in flags() if flag.name != "config_file"}


def _value(flag: Flag, value: Any) -> Any:
    if isinstance(flag.default, list):
        return [flag.reading(word) for word in str(value).split()]
    return flag.reading(str(value))


def _whole(least: int | None = None) -> Callable[[str], Any]:
    if least is None:
        return _reading(int, "a whole number", lambda number: True)
    expected = f"a whole number from {least} up"
    return _reading(int, expected, lambda number: number >= least)


def _reading(
    kind: Callable[[str], Any], expected: str, fits: Callable[[Any], bool]
) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not fits(value):
            raise ArgumentTypeError(f"{text}: expected {expected}")
        return value

    return read


def _truth(text: str) -> bool | None:
    return _TRUTHS.get(text.lower())  # "yes" and "on" are True in a file already


def _level(text: str) -> str:
    level = text.upper()
    return "WARNING" if level == "WARN" else level
