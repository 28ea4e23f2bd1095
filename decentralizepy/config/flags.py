"""The launch flags, which can be given on the command line or in section RUN."""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from decentralizepy.config.ini import expanded
from decentralizepy.errors import Problem, nearest

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_GRAPH_TYPES = ("edges", "adjacency")
_ENGINES = ("process", "packed", "debug")
_BATCHED = ("off", "on", "auto")
_SWITCH = ("on", "off")
_NETWORKS = ("virtual", "real")
_PLACEMENTS = ("torchrun", "mpi", "slurm", "ray", "local")
PLACING = ("rendezvous", "placement", "hosts", "ssh")
"""Flags that say where machines meet, which is another place each time."""
TARGET = "end once the mean test accuracy of all nodes reaches this; 0: never"
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Reading(NamedTuple):
    """How the text of a flag is parsed, and what an error says was expected."""

    kind: Callable[[str], Any]
    expected: str
    fits: Callable[[Any], bool] = lambda value: True

    def read(self, text: str) -> Any:
        """Return the value of ``text``, or None if it is invalid."""
        try:
            value = self.kind(text)
        except ValueError:
            return None
        return value if value is not None and self.fits(value) else None

    def __call__(self, text: str) -> Any:
        """Return the value of ``text``, for argparse."""
        value = self.read(text)
        if value is None:
            raise ArgumentTypeError(f"{text}: expected {self.expected}")
        return value


class Flag(NamedTuple):
    """A flag: its names, how its text is parsed, its default, and its help text.

    A flag whose default is False is a switch, which takes no value on the command line;
    one whose default is a list takes one or more values.
    """

    short: str
    name: str
    reading: Reading
    default: Any
    help: str


def flags() -> list[Flag]:
    """Return all flags: DecentralizePy's sixteen, then those without a short name."""
    now = datetime.now().isoformat(timespec="seconds")
    whole, natural, count = _whole(), _whole(0), _whole(1)
    rate = Reading(float, "a number above 0 and up to 1", lambda part: 0 < part <= 1)
    level = Reading(_level, " or ".join(_LEVELS), _LEVELS.__contains__)
    form = Reading(str, " or ".join(_GRAPH_TYPES), _GRAPH_TYPES.__contains__)
    truth = Reading(_truth, "true or false")
    text = Reading(expanded, "text")
    return [
        Flag("-mid", "machine_id", natural, 0, "number of this machine"),
        Flag("-ps", "procs_per_machine", natural, [1], "processes per machine"),
        Flag("-ms", "machines", count, 1, "number of machines"),
        Flag("-ld", "log_dir", text, f"./{now}", "folder for logs and results"),
        Flag("-wsd", "weights_store_dir", text, f"./{now}_ws", "folder for weights"),
        Flag("-is", "iterations", count, 1, "rounds"),
        Flag("-cf", "config_file", text, "config.ini", "the INI file"),
        Flag("-ll", "log_level", level, "INFO", "minimum log level"),
        Flag("-gf", "graph_file", text, "36_nodes.edges", "the graph file"),
        Flag("-gt", "graph_type", form, "edges", "edges or adjacency"),
        Flag("-ta", "test_after", count, 5, "rounds between tests"),
        Flag("-tea", "train_evaluate_after", count, 1, "rounds between train losses"),
        Flag("-ro", "reset_optimizer", whole, 1, "1: a new optimizer in each round"),
        Flag("-sm", "server_machine", natural, 0, "machine of the service"),
        Flag("-sr", "server_rank", whole, -1, "rank of the service"),
        Flag("-wr", "working_rate", rate, 1.0, "fraction of clients in a round"),
        *_engine_flags(truth),
        Flag("", "force", truth, False, "start even if preflight checks fail"),
        Flag("", "overwrite", truth, False, "replace the run in the log folder"),
        Flag("", "resume", text, "", "log folder to resume, or LOGDIR@ROUND"),
        Flag("", "checkpoint_every", natural, 0, "rounds between checkpoints; 0: none"),
        Flag("", "max_restarts", natural, 3, "maximum number of restarts"),
        *_result_flags(),
        *_placement_flags(text),
        Flag("", "allow_disconnected", truth, False, "allow disconnected graphs"),
    ]


def _result_flags() -> list[Flag]:
    """Return the flags that say what is measured and drawn."""
    nodes = Reading(_nodes, "all, mean_model or a number of nodes")
    percent = Reading(float, "percent from 0 to 100", lambda part: 0 <= part <= 100)
    switch = Reading(_switch, " or ".join(_SWITCH), _SWITCH.__contains__)
    return [
        Flag("", "evaluate", nodes, "all", "all, mean_model or a number of nodes"),
        Flag("", "target_accuracy", percent, 0.0, TARGET),
        Flag("", "figures", switch, "on", "off: draw none at the end of the run"),
    ]


def _engine_flags(truth: Reading) -> list[Flag]:
    """Return the flags that say how the nodes of this machine are run."""
    engine = Reading(str, " or ".join(_ENGINES), _ENGINES.__contains__)
    batched = Reading(_switch, " or ".join(_BATCHED), _BATCHED.__contains__)
    workers = "processes of --engine packed; 0: one per core"
    network = Reading(str, " or ".join(_NETWORKS), _NETWORKS.__contains__)
    links = "what [NETWORK] limits: virtual time, or real links, as root"
    together = "on: nodes of a process compute together; auto: if faster"
    return [
        Flag("", "engine", engine, "process", "process, packed or debug"),
        Flag("", "workers", _whole(0), 0, workers),
        Flag("", "batched", batched, "off", together),
        Flag("", "network", network, "virtual", links),
        Flag("", "pdb", truth, False, "with --engine debug: stop where code fails"),
    ]


def _placement_flags(text: Reading) -> list[Flag]:
    """Return the flags that say where the machines of a run are."""
    placement = Reading(str, " or ".join(_PLACEMENTS), _PLACEMENTS.__contains__)
    meeting = "where machines meet: HOST:PORT of machine 0, or a shared folder"
    return [
        Flag("", "rendezvous", text, "", meeting),
        Flag("", "placement", placement, "", " or ".join(_PLACEMENTS)),
        Flag("", "hosts", text, "", "machines to start over ssh, separated by commas"),
        Flag("", "ssh", text, "ssh", "the ssh command for --hosts, with its options"),
    ]


def run_problems(section: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of a section RUN."""
    known = run_flags()
    for key, value in _filled(section).items():
        if key not in known:
            near = nearest(key, known)
            listed = "" if near else f"; these are: {', '.join(known)}"
            yield Problem(f"no such flag{listed}", key=key, suggestion=near or "")
            continue
        reading = known[key].reading
        wrong = [
            word for word in _words(known[key], value) if reading.read(word) is None
        ]
        if wrong:
            yield Problem(key=key, value=wrong[0], expected=reading.expected)


def run_values(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the flags set in a valid section RUN, parsed as on the command line."""
    known = run_flags()
    return {key: _value(known[key], value) for key, value in _filled(section).items()}


def defaults() -> dict[str, Any]:
    """Return the default of each flag."""
    return {flag.name: flag.default for flag in flags()}


def words(chosen: Mapping[str, Any]) -> Iterator[str]:
    """Yield the words of a command line that give flags again, by long name."""
    for name, value in chosen.items():
        if name == "set":
            for each in value:
                yield from ("--set", each)
        elif value is True:
            yield f"--{name}"
        else:
            values = value if isinstance(value, list) else [value]
            yield from (f"--{name}", *map(str, values))


def _filled(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if value not in ("", None)}


def run_flags() -> dict[str, Flag]:
    """Return the flags that section RUN may set, by name."""
    # an INI file cannot name itself, nor the machines that it is run on
    barred = ("config_file", *PLACING)
    return {flag.name: flag for flag in flags() if flag.name not in barred}


def _words(flag: Flag, value: Any) -> list[str]:
    return str(value).split() if isinstance(flag.default, list) else [str(value)]


def _value(flag: Flag, value: Any) -> Any:
    read = [flag.reading.read(word) for word in _words(flag, value)]
    return read if isinstance(flag.default, list) else read[0]


def _whole(least: int | None = None) -> Reading:
    if least is None:
        return Reading(int, "a whole number")
    return Reading(
        int, f"a whole number from {least} up", lambda number: number >= least
    )


def _truth(text: str) -> bool | None:
    return _TRUTHS.get(text.lower())  # a file's "yes" and "on" are already bools


def _switch(text: str) -> str:
    # a file's "on" and "off" are already bools
    return {"true": "on", "false": "off"}.get(text.lower(), text.lower())


def _nodes(text: str) -> str | int | None:
    if text in ("all", "mean_model"):
        return text
    return int(text) if int(text) > 0 else None


def _level(text: str) -> str:
    level = text.upper()
    return "WARNING" if level == "WARN" else level
