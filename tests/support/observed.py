"""Small finished runs whose first node has observed the others."""

import configparser

import decentralizepy as dp
from decentralizepy.commands.template import BASE

SKEWED = {
    "DATASET": {"random_seed": 3, "partition_niid": "classes", "classes": 2},
    "OPTIMIZER_PARAMS": {"lr": 0.2},
    "TRAIN_PARAMS": {"rounds": 10, "batch_size": 16, "shuffle": False},
    "GRAPH": {
        "graph_package": "decentralizepy.graphs.FullyConnected",
        "graph_class": "FullyConnected",
    },
    "OBSERVER": {"nodes": 0},
}


def observe(folder, rounds=2, nodes=5, **sections):
    """Run all nodes in this process, and return the log folder."""
    config = configparser.ConfigParser()
    for each in (BASE, SKEWED, sections):
        config.read_dict(each)
    path = folder / "run.ini"
    with path.open("w") as file:
        config.write(file)
    done = dp.run(
        path,
        engine="debug",
        iterations=rounds,
        procs_per_machine=nodes,
        test_after=rounds,
        train_evaluate_after=rounds,
        log_dir=folder / "log",
    )
    return done.log_dir
