"""Small finished runs whose first node has observed the others."""

import configparser

import decentralizepy as dp

DIGITS = {
    "DATASET": {
        "dataset_package": "decentralizepy.datasets.Digits",
        "dataset_class": "Digits",
        "model_class": "MLP",
        "random_seed": 3,
        "partition_niid": "classes",
        "classes": 2,
    },
    "OPTIMIZER_PARAMS": {
        "optimizer_package": "torch.optim",
        "optimizer_class": "SGD",
        "lr": 0.2,
    },
    "TRAIN_PARAMS": {
        "training_package": "decentralizepy.training.Training",
        "training_class": "Training",
        "rounds": 10,
        "batch_size": 16,
        "loss_package": "torch.nn",
        "loss_class": "CrossEntropyLoss",
    },
    "COMMUNICATION": {
        "comm_package": "decentralizepy.communication.IPC",
        "comm_class": "IPC",
    },
    "SHARING": {
        "sharing_package": "decentralizepy.sharing.Sharing",
        "sharing_class": "Sharing",
    },
    "GRAPH": {
        "graph_package": "decentralizepy.graphs.FullyConnected",
        "graph_class": "FullyConnected",
    },
    "OBSERVER": {"nodes": 0},
}


def observe(folder, rounds=2, nodes=5, **sections):
    """Run all nodes in this process, and return the log folder."""
    config = configparser.ConfigParser()
    config.read_dict(DIGITS)
    config.read_dict(sections)
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
