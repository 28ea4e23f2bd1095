"""Runs grouped into methods: those that only differ in their seed are one method."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.errors import DataError
from decentralizepy.results import manifests
from decentralizepy.results.lines import SUCCESS
from decentralizepy.results.read import Run, read_runs

if TYPE_CHECKING:
    from pandas import DataFrame

POINT, ORDER = "point.json", "sweep.json"
CONFIDENCE = 0.95
_SEED = re.compile(r"(.*?)(?:[-_,. ]?seed[-_=]?|-)(\d+)")
# what may differ between runs of one method
_PLACES = {"log_dir", "weights_store_dir", "config_file", "graph_file", "overwrite"}
_PLACES |= {"resume", "force"}
SEEDS = ("seed", "random_seed", "offset")
_NOT_DATA = ("model_class", "model_package", "test_batch_size")


@dataclass(frozen=True)
class Method:
    """The runs of one method, each with another seed.

    Its means and intervals are over seeds. With a single run, they are over its nodes.
    """

    name: str
    runs: tuple[Run, ...]
    seeds: tuple[int, ...] = (0,)
    home: Path | None = None  # the folder of the first run

    @property
    def label(self) -> str:
        """The name, with the data set if its data is generated."""
        return replace(self.runs[0], name=self.name).label

    @property
    def tested_label(self) -> str:
        """The label of what was tested: a parameter server's model is called so."""
        return replace(self.runs[0], name=self.name).tested_label

    @property
    def many(self) -> bool:
        """Whether bands of a single run are drawn between percentiles."""
        return self.runs[0].many

    @property
    def metrics(self) -> set[str]:
        """The names of all metrics that its runs have."""
        return {name for run in self.runs for name in run.metrics}

    @property
    def repeated(self) -> bool:
        """Whether there are several seeds."""
        return len(self.runs) > 1

    def spread(self, name: str) -> DataFrame:
        """Return the columns of :meth:`Run.spread`, over seeds if there are several.

        Then ``std`` is half the 95 % confidence interval of the mean (Student's t), and
        ``low``, ``lower``, ``high`` and ``upper`` are its ends, cut at 0 and 100 for
        accuracies. Only rounds of all seeds are included.
        """
        import pandas as pd

        if not self.repeated:
            return self.runs[0].spread(name)
        spreads = [run.spread(name)["mean"] for run in self.runs]
        means = pd.concat(spreads, axis=1, join="inner")
        half = half_interval(len(self.runs)) * means.std(axis=1, ddof=1)
        percent = name.endswith(("_acc", SUCCESS))
        mean, ends = means.mean(axis=1), (0, 100 if percent else None)
        columns = {
            "mean": mean,
            "std": half,
            "nr_nodes": len(self.runs),
            "low": (mean - half).clip(*ends),
            "high": (mean + half).clip(*ends),
        }
        columns |= {"lower": columns["low"], "upper": columns["high"]}
        return pd.DataFrame(columns).rename_axis("rounds")

    def centralized(self) -> Method:
        """Return the method with the tests of one node of each run only."""
        return replace(self, runs=tuple(run.centralized() for run in self.runs))

    def total(self, name: str) -> float:
        """Return the final value of a counter, summed over nodes; the mean over seeds."""
        return sum(run.total(name) for run in self.runs) / len(self.runs)

    @property
    def sent(self) -> float:
        """The bytes that a node sent, averaged over nodes and seeds."""
        return sum(map(sent_per_node, self.runs)) / len(self.runs)


def sent_per_node(run: Run) -> float:
    """Return the total bytes sent, averaged over nodes."""
    return run.total("total_bytes") / max(1, len(run.nodes))


def half_interval(count: int) -> float:
    """Return half the width of an interval over ``count`` seeds, in standard deviations.

    These are of the sample (n - 1); the interval is Student's, of 95 %.
    """
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, count - 1) / count**0.5)


@dataclass(frozen=True)
class Found:
    """A run: its folder, what makes others the same method, its seed, the method's name."""

    run: Run
    home: Path
    key: Any
    seed: int
    name: str


def read_methods(folders: Iterable[Path]) -> tuple[list[Method], list[str]]:
    """Read all runs below some folders, as methods, in the order of the folders.

    Returns and errors as for :func:`as_methods` and :func:`find_runs`.
    """
    return as_methods(find_runs(folders))


def find_runs(folders: Iterable[Path]) -> list[Found]:
    """Read all runs below some folders, in the order of the folders.

    Raises
    ------
    DataError
        If there are no results, or a file holds something else.
    """
    return [each for folder in folders for each in _read(folder)]


def as_methods(found: Iterable[Found]) -> tuple[list[Method], list[str]]:
    """Group runs into methods, in the order of the first run of each.

    Runs of a sweep are grouped by it. Others are one method if their manifests only
    differ in seeds; without manifests, if their names only differ in a seed at the end,
    as in ``jwins-1`` or ``jwins,seed=2``.

    Returns
    -------
    methods : list of Method
    remarks : list of str
        What a reader of the numbers has to know.
    """
    groups: dict[Any, list[Found]] = {}
    for each in found:
        groups.setdefault(each.key, []).append(each)
    methods, remarks = [], []
    for group in groups.values():
        whole, short = _whole(group)
        remarks += short
        seeds = [each.seed for each in whole]
        if len(set(seeds)) == len(seeds) > 1:
            runs = tuple(each.run for each in whole)
            methods.append(Method(_name(whole), runs, tuple(seeds), whole[0].home))
        else:
            methods += [
                Method(each.run.name, (each.run,), (each.seed,), each.home)
                for each in whole
            ]
    return methods, [*remarks, *_remarks(methods)]


def _read(folder: Path) -> list[Found]:
    """Return the runs below a folder, in the order of its sweep, or else of their start."""
    runs = read_runs(folder)
    alone = len(runs) == 1 and not (folder / runs[0].name).is_dir()
    homes = {run.name: folder if alone else folder / run.name for run in runs}
    order = {name: n for n, name in enumerate(_load(folder / ORDER).get("points", []))}
    records = {name: manifests.of_run(home) for name, home in homes.items()}
    runs = sorted(runs, key=lambda run: str(records[run.name].get("started")))
    runs = sorted(runs, key=lambda run: order.get(run.name, len(order)))
    return [_found(run, homes[run.name], records[run.name]) for run in runs]


def _found(run: Run, home: Path, manifest: dict[str, Any]) -> Found:
    point = _load(home / POINT)
    if point.get("seed") is not None:
        sweep = home.resolve().parent
        name = point["group"] or sweep.name
        return Found(run, home, (sweep, name), point["seed"], name)
    match = _SEED.fullmatch(run.name)
    stem = run.name if match is None else match[1] or home.resolve().parent.name
    if manifest:
        numbers = [n for n in manifest["seeds"].values() if isinstance(n, int)]
        seed = numbers[0] if numbers else 0
        return Found(run, home, _configuration(manifest), seed, stem)
    seed = int(match[2]) if match else 0
    key = stem if match else (home.resolve(),)
    return Found(run, home, key, seed, stem)


def _configuration(manifest: dict[str, Any]) -> str:
    """Return what makes two runs the same method, as text."""
    sections = {
        name: {key: value for key, value in section.items() if key not in SEEDS}
        for name, section in manifest["configuration"].items()
        if name != "RUN"
    }
    flags = {k: v for k, v in manifest["flags"].items() if k not in _PLACES}
    return json.dumps([sections, flags], sort_keys=True)


def _load(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: damaged: {error}") from None
    return content


def _whole(group: Sequence[Found]) -> tuple[list[Found], list[str]]:
    """Return the runs that got as far as the others, and remarks on the rest."""
    rounds = [_last_round(each.run) for each in group]
    most = max(rounds)
    remarks = [
        f"{each.run.name}: ends in round {last} of {most}, so it is left out"
        for each, last in zip(group, rounds, strict=True)
        if last < most
    ]
    whole = [e for e, last in zip(group, rounds, strict=True) if last == most]
    return whole, remarks


def _last_round(run: Run) -> int:
    tables = run.nodes.values()
    return max(
        (max(r, default=0) for table in tables for r in table.values()), default=0
    )


def _name(group: Sequence[Found]) -> str:
    names = {each.name for each in group}
    return names.pop() if len(names) == 1 else group[0].run.name


def _remarks(methods: Sequence[Method]) -> Iterator[str]:
    data = {run.data.partition(" (")[0] for each in methods for run in each.runs}
    data -= {""}
    if len(data) > 1:
        yield f"different data ({', '.join(sorted(data))}): these accuracies do not compare"
    else:
        yield from _options_of_data(methods)
    yield from _partial(methods)
    last = {each.name: max(map(_last_round, each.runs)) for each in methods}
    if len(set(last.values())) > 1:
        told = [f"{name} {number}" for name, number in last.items()]
        yield f"different numbers of rounds ({', '.join(told)}): compare at equal bytes"


def _partial(methods: Sequence[Method]) -> Iterator[str]:
    """Yield which runs end with a test of fewer nodes than before."""
    for run in (run for method in methods for run in method.runs):
        tested = run.spread("test_acc")["nr_nodes"]
        if len(tested) and tested.iloc[-1] < tested.max():
            few, most = tested.iloc[-1], tested.max()
            yield f"{run.name}: the last test is of {few} of {most} nodes"


def _options_of_data(methods: Sequence[Method]) -> Iterator[str]:
    """Yield which options of the data set differ between methods."""
    records = [manifests.of_run(each.home) for each in methods if each.home]
    sections = [each["configuration"].get("DATASET", {}) for each in records if each]
    for key in sorted({key for section in sections for key in section}):
        values = dict.fromkeys(str(section.get(key)) for section in sections)
        if len(values) > 1 and key not in (*SEEDS, *_NOT_DATA):
            yield f"different data ([DATASET] {key} = {', '.join(values)})"
