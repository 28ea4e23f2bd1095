"""Print gossipy's CPU time per node and round, as JSON.

Each node pushes its model to one random neighbor per round; who receives one merges it and
does a step. Usage, in an environment of its own: python gossipy_run.py NODES ROUNDS
"""

import sys
import time
import types

import networkx as nx
import numpy as np
import task
import torch

# gossipy imports it for CIFAR-10, which is not used here; it has to fit torch to the digit
sys.modules.setdefault("torchvision", types.ModuleType("torchvision"))

from gossipy.core import AntiEntropyProtocol, CreateModelMode, StaticP2PNetwork
from gossipy.model import TorchModel
from gossipy.model.handler import TorchModelHandler
from gossipy.node import GossipNode
from gossipy.simul import GossipSimulator

ROUND_LEN = 10  # time steps, as short as the library's examples allow


class Net(TorchModel):
    """The shared model with what gossipy asks of one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = task.model()

    def init_weights(self) -> None:
        pass

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def simulator(nodes: int) -> GossipSimulator:
    graph = nx.random_regular_graph(task.DEGREE, nodes, seed=1)
    net = StaticP2PNetwork(nodes, nx.to_numpy_array(graph))
    handler = TorchModelHandler(
        net=Net(),
        optimizer=torch.optim.SGD,
        optimizer_params={"lr": task.RATE},
        criterion=torch.nn.CrossEntropyLoss(),
        local_epochs=0,
        batch_size=task.BATCH,
        create_model_mode=CreateModelMode.MERGE_UPDATE,
    )
    members = {
        uid: GossipNode(
            idx=uid,
            data=(task.part(uid, nodes), None),
            round_len=ROUND_LEN,
            model_handler=handler.copy(),
            p2p_net=net,
        )
        for uid in range(nodes)
    }
    return GossipSimulator(
        nodes=members,
        data_dispatcher=types.SimpleNamespace(has_test=lambda: False),
        delta=ROUND_LEN,
        protocol=AntiEntropyProtocol.PUSH,
    )


def main() -> None:
    nodes, rounds = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    torch.manual_seed(1)
    np.random.seed(1)
    run = simulator(nodes)
    run.init_nodes()
    run.start(n_rounds=1)
    start = time.process_time()
    run.start(n_rounds=rounds)
    task.report((time.process_time() - start) / rounds / nodes)


if __name__ == "__main__":
    main()
