"""Spreads the nodes of a run over network namespaces."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from decentralizepy.network.namespaces import Namespaces
from decentralizepy.runs.emulation import is_real
from decentralizepy.runs.experiment import Experiment


@contextmanager
def spread(experiment: Experiment, scratch: Path) -> Iterator[None]:
    """Have each node run in a namespace of its own meanwhile, with ``--network real``.

    Raises
    ------
    ConfigError
        If ip or tc cannot make the links.
    """
    network, args = experiment.network, experiment.args
    if network is None or not is_real(args):
        yield
        return
    with Namespaces(network) as namespaces:
        addresses = {str(args.machine_id): "127.0.0.1"}
        for rank in experiment.ranks:
            uid = experiment.mapping.get_uid(rank, args.machine_id)
            place = network.place(uid)
            experiment.namespaces[rank] = namespaces.of(place)
            addresses[f"{args.machine_id}/{rank}"] = namespaces.hosts[place]
        path = scratch / "namespaces.json"
        path.write_text(json.dumps(addresses))
        experiment.comm_options["addresses_filepath"] = str(path)
        yield
