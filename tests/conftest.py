"""Whole networks inside the test's process: nodes are threads, messages go in memory."""

import copy
import threading

import pytest

from decentralizepy.communication.InProcess import make_exchange
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode
from tests.toy import CONFIG

JOIN_S = 30


@pytest.fixture
def run_nodes(tmp_path):
    """Return a function that runs a network to its end and returns its nodes by uid."""

    def run_nodes(
        graph,
        node_class=DPSGDNode,
        rounds=3,
        service_class=None,
        service_options=(),
        **sections,
    ):
        config = copy.deepcopy(CONFIG)
        for section, options in sections.items():
            config[section] = {**config.get(section, {}), **options}
        config["COMMUNICATION"] = {
            "comm_package": "decentralizepy.communication.InProcess",
            "comm_class": "InProcess",
            "exchange": make_exchange(graph.n_procs),
            "recv_timeout": 5,
        }
        mapping = Linear(1, graph.n_procs)
        folder = str(tmp_path)
        nodes, errors = {}, []

        def run(uid):
            arguments = (uid, 0, mapping, graph, config, rounds, folder)
            try:
                if uid < 0:
                    nodes[uid] = service_class(*arguments, *service_options)
                else:
                    nodes[uid] = node_class(*arguments, folder, test_after=10)
            except BaseException as error:
                errors.append(error)

        first = 0 if service_class is None else -1
        threads = [
            threading.Thread(target=run, args=(uid,), daemon=True, name=f"uid {uid}")
            for uid in range(first, graph.n_procs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(JOIN_S)
        if errors:
            raise errors[0]
        assert not any(thread.is_alive() for thread in threads), "a node hangs"
        return nodes

    run_nodes.folder = tmp_path
    return run_nodes
