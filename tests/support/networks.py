"""Whole networks in the test's process: nodes are threads, messages stay in memory."""

import copy
import threading
import time

from decentralizepy.communication.InProcess import make_exchange
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.DPSGDNode import DPSGDNode
from tests.support import LIMIT_S
from tests.support.toy import CONFIG


class Network:
    """Runs networks to their end in one folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(
        self,
        graph,
        node_class=DPSGDNode,
        rounds=3,
        service_class=None,
        service_options=(),
        **sections,
    ):
        """Return the nodes by uid; ``sections`` change those of the toy."""
        config = make_config(graph, sections)
        mapping, folder = Linear(1, graph.n_procs), str(self.folder)

        def build(uid):
            arguments = (uid, 0, mapping, graph, config, rounds, folder)
            if uid < 0:
                return service_class(*arguments, *service_options)
            return node_class(*arguments, folder, test_after=10)

        first = 0 if service_class is None else -1
        return run_threads(build, range(first, graph.n_procs))


def make_config(graph, sections):
    config = copy.deepcopy(CONFIG)
    config["COMMUNICATION"] = {
        "comm_package": "decentralizepy.communication.InProcess",
        "comm_class": "InProcess",
        "exchange": make_exchange(graph.n_procs),
        "recv_timeout": 60,
    }
    for section, options in sections.items():
        old = config.get(section)  # what has more than its keys stays as it is
        config[section] = {**old, **options} if old else options
    return config


def run_threads(build, uids):
    """Return what ``build`` returns for each uid, each called in a thread of its own."""
    built, errors = {}, []

    def run(uid):
        try:
            built[uid] = build(uid)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(uid,), daemon=True) for uid in uids]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + LIMIT_S
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a node hangs"
    return dict(sorted(built.items()))
