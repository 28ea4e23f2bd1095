"""A driver like those of DecentralizePy, which starts one process per rank itself."""

import logging
import os
import shutil

from localconfig import LocalConfig
from torch import multiprocessing as mp

from decentralizepy import utils
from decentralizepy.graphs.Graph import Graph
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode


def read_ini(file_path):
    """Return what the public drivers make of an INI file: a dict of dicts."""
    config = LocalConfig(file_path)
    return {section: dict(config.items(section)) for section in config}


def main():
    """Read flags and files, start the nodes, wait for them."""
    args = utils.get_args()
    os.makedirs(args.log_dir, exist_ok=True)
    config = read_ini(args.config_file)
    shutil.copy(args.config_file, args.log_dir)
    shutil.copy(args.graph_file, args.log_dir)
    utils.write_args(args, args.log_dir)

    graph = Graph()
    graph.read_graph_from_file(args.graph_file, args.graph_type)
    mapping = Linear(args.machines, args.procs_per_machine[0])
    level = {"INFO": logging.INFO, "DEBUG": logging.DEBUG}[args.log_level]

    processes = []
    for rank in range(mapping.get_local_procs_count()):
        arguments = [
            rank,
            args.machine_id,
            mapping,
            graph,
            config,
            args.iterations,
            args.log_dir,
            args.weights_store_dir,
            level,
            args.test_after,
            args.train_evaluate_after,
            args.reset_optimizer,
        ]
        processes.append(mp.Process(target=DPSGDNode, args=arguments))
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    raise SystemExit(max(process.exitcode != 0 for process in processes))


if __name__ == "__main__":
    main()
