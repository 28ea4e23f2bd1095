"""``decentralizepy report``: finished runs as one HTML page that needs no network."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import ConfigError, first_line
from decentralizepy.files import write_atomic

if TYPE_CHECKING:
    from decentralizepy.report.failures import Problem
    from decentralizepy.results.methods import Found, Method
    from decentralizepy.runs.experiment import Experiment

COUNTED = 200  # nodes whose labels are counted; building more data sets takes long


def main(argv: Sequence[str] | None = None) -> int:
    """Write a page, as ``decentralizepy report RUN``.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    try:
        args = parser().parse_args(argv)
        text = report(args.runs)
        write_atomic(args.output, text)
    except (ConfigError, OSError) as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    print(f"{args.output} written")
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "report",
        "Show finished runs, or one that failed halfway, on an HTML page: curves, nodes, graph, "
        "labels, waits, failures, configuration and provenance.",
        "report runs/jwins/machine0",
        "report config_sweep -o sweep.html",
    )
    add = parser.add_argument
    help = "a run, a sweep, or a log folder"
    add("runs", metavar="RUN", type=Path, nargs="+", help=help)
    help = "the page (default: report.html)"
    add("-o", "--output", metavar="FILE", type=Path, default="report.html", help=help)
    return parser


def report(folders: Sequence[Path]) -> str:
    """Return the page of the runs below some folders.

    Raises
    ------
    ConfigError
        If there are no results, if they are damaged, or if plotly is missing.
    """
    from decentralizepy.report import content, failures, page
    from decentralizepy.results.methods import as_methods, find_runs

    page.plotly()  # first, as the rest may take long
    found = find_runs(folders)
    methods, remarks = as_methods(found)
    problems = [*failures.of_points(folders, {each.run.name for each in found})]
    problems += [failures.Problem("comparison", remark) for remark in remarks]
    runs = []
    for each in found:
        shown, failed = of_run(each)
        runs.append(shown)
        problems += [one.of(each.run.name) for one in failed]
    data = {**content.of_methods(methods), "runs": runs}
    title = ", ".join(folder.resolve().name for folder in folders)
    return page.page(title, heading(found), table(methods), problems, data)


def of_run(found: Found) -> tuple[dict[str, Any], list[Problem]]:
    """Return what is shown of a run, and what went wrong in it.

    Raises
    ------
    DataError
        If the folders of its machines are not of one run.
    """
    from decentralizepy.report import churn, content, failures, record
    from decentralizepy.results import manifests

    folders = content.log_folders(found)
    records = {place: manifests.read(path) for place, path in folders.items()}
    record.check_joined(found.run.name, records)
    churned = churn.churn(found.run)
    shown = {
        **content.details(found.run),
        "churn": churned,
        **around(found, folders, records),
        "facts": record.facts(found.run, records) + churn.facts(churned),
        "configuration": record.configuration(records),
        "provenance": record.provenance(records),
    }
    return shown, failures.problems(found.run, records, folders)


def around(
    found: Found, folders: Mapping[str, Path], records: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the graph of a run and the labels of its nodes, or why they are not known."""
    from decentralizepy.report import network

    place, log_dir = next(iter(folders.items()))
    folder = records[place].get("folder", ".")
    try:
        with network.rebuilt(log_dir, folder) as experiment:
            graph = network.drawn(experiment)
            graph["accuracy"] = network.by_uid(experiment, found, folders)
            return {"graph": graph, "labels": labels(experiment)}
    except Exception as error:  # of a user's own graph or mapping, too
        why = f"Not known: {first_line(error)}"
        return {"graph": {"remarks": [why]}, "labels": {"remarks": [why]}}


def labels(experiment: Experiment) -> dict[str, Any]:
    """Return the training samples by class and uid, or why they are not known."""
    from decentralizepy.commands.describe import take
    from decentralizepy.figures.census import frequent

    nodes = experiment.mapping.get_n_procs()
    if nodes > COUNTED:
        hint = "decentralizepy data describe counts the labels of so many nodes."
        return {"remarks": [hint]}
    try:
        census = take(experiment.config["DATASET"], experiment.mapping)
    except Exception as error:  # the data may not be here, or the class be a user's own
        return {"remarks": [f"Not known: {first_line(error)}"]}
    if census.labels is None:
        return {"remarks": ["The labels of this data set are not classes."]}
    rows = frequent(census.labels)
    counts = [row.tolist() for row in rows.values()]
    return {"classes": [*rows], "counts": counts, "remarks": [*census.remarks]}


def heading(found: Sequence[Found]) -> list[tuple[str, str]]:
    """Return what was run, over all runs."""
    data = sorted({each.run.data for each in found} - {""})
    nodes = sorted({len(each.run.nodes) for each in found})
    rows = [("runs", str(len(found))), ("data", ", ".join(data) or "not recorded")]
    return [*rows, ("nodes", ", ".join(map(str, nodes)))]


def table(methods: Sequence[Method]) -> dict[str, list[str]]:
    """Return the columns of the table of ``compare``, by title."""
    from decentralizepy.commands.compare import text_table
    from decentralizepy.results.statistics import compare

    return text_table(compare(methods), (), methods[0].label, None)
