"""Computes the virtual time of a run when its nodes have ended."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.network.description import Network
from decentralizepy.network.energy import consumed
from decentralizepy.network.record import EVENTS
from decentralizepy.network.replay import Times, replay
from decentralizepy.results.columns import Row
from decentralizepy.results.lines import read_all
from decentralizepy.results.virtual import write_virtual
from decentralizepy.results.write import derive_all
from decentralizepy.runs.emulation import is_asynchronous, is_real
from decentralizepy.runs.experiment import Experiment


def add_virtual_time(experiment: Experiment) -> None:
    """Compute the virtual time of a run on one machine, and write it to its log folder."""
    args = experiment.args
    if experiment.network is None or not recorded(Path(args.log_dir)):
        return
    if is_real(args) and is_asynchronous(experiment.node_class):
        return  # what its nodes have done depends on the real time
    if args.machines > 1:
        return  # the results of the others are still to come
    try:
        folders = {args.machine_id: Path(args.log_dir)}
        write_times(folders, experiment, experiment.network)
    except OSError as error:
        print(f"warning: no virtual time: {error}", file=sys.stderr)


def add_gathered(experiment: Experiment, folders: Sequence[Path]) -> None:
    """Compute the virtual time of a run on several machines, once it has ended.

    Parameters
    ----------
    experiment
    folders
        The log folders that are here: those of all machines on machine 0, or just its own
        for a launcher that found the others by an address file, which says what to do.
    """
    machines = experiment.args.machines
    if experiment.network is None or machines == 1 or not any(map(recorded, folders)):
        return
    if len(folders) < machines:
        print(
            "note: virtual time needs the log folders of all machines; then: "
            "decentralizepy network FOLDER"
        )
        return
    try:
        write_times(dict(enumerate(folders)), experiment, experiment.network)
        for folder in folders:
            derive_all(folder)
    except OSError as error:
        print(f"warning: no virtual time: {error}", file=sys.stderr)


def recorded(log_dir: Path) -> bool:
    """Return whether nodes have left it to the launcher to compute their times."""
    rows = (row for rows in read_all(log_dir).values() for row in rows)
    return any(EVENTS in row for row in rows)


def write_times(
    folders: Mapping[int, Path], experiment: Experiment, network: Network
) -> list[Times]:
    """Compute the virtual times of all nodes, write those of each machine; return all.

    Parameters
    ----------
    folders
        The log folder of each machine, by its number.
    experiment
        As any of the machines sees it.
    network
    """
    uid = experiment.mapping.get_uid
    records: dict[int, list[tuple[int, Any]]] = {}
    ranks: dict[int, dict[int, int]] = {machine: {} for machine in folders}
    for machine, folder in folders.items():
        for rank, rows in read_all(folder).items():
            number = ranks[machine][rank] = uid(rank, machine)
            records[number] = [*_events(rows)]
    metrics = {"virtual_time": replay(records, network)}
    if network.energy:
        metrics["energy"] = consumed(records, network)
    for machine, folder in folders.items():
        here = ranks[machine].items()
        found = {
            metric: {rank: nodes[uid] for rank, uid in here}
            for metric, nodes in metrics.items()
        }
        write_virtual(folder, found)
    return [*metrics["virtual_time"].values()]


def _events(rows: Iterable[Row]) -> Iterator[tuple[int, Any]]:
    return ((row["round"], row[EVENTS]) for row in rows if EVENTS in row)
