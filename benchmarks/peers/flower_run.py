"""Print the CPU time per node and round of Flower's simulation with Ray, as JSON.

FedAvg over all clients, each of which does one step per round. Usage, in an environment of
its own: python flower_run.py NODES ROUNDS
"""

import sys

import psutil
import task
import torch
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

NODES, ROUNDS = map(int, sys.argv[1:])
FIRST = 2  # the clients are built and the actors started in the rounds before
clocks: dict[int, float] = {}
client = ClientApp()
server = ServerApp()


def cpu() -> float:
    """Return the CPU seconds of this process and of all that it has started."""
    own = psutil.Process()
    times = [each.cpu_times() for each in [own, *own.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


@client.train()
def train(message: Message, context: Context) -> Message:
    torch.set_num_threads(1)
    net = task.model()
    net.load_state_dict(message.content["arrays"].to_torch_state_dict())
    x, y = task.part(int(context.node_config["partition-id"]), NODES)
    chosen = torch.randperm(len(x))[: task.BATCH]
    optimizer = torch.optim.SGD(net.parameters(), lr=task.RATE)
    torch.nn.CrossEntropyLoss()(net(x[chosen]), y[chosen]).backward()
    optimizer.step()
    content = {
        "arrays": ArrayRecord(net.state_dict()),
        "metrics": MetricRecord({"num-examples": task.BATCH}),
    }
    return Message(content=RecordDict(content), reply_to=message)


@server.main()
def serve(grid: Grid, context: Context) -> None:
    def note(number: int, arrays: ArrayRecord) -> None:
        clocks[number] = cpu()

    strategy = FedAvg(fraction_evaluate=0.0, min_available_nodes=NODES)
    strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord(task.model().state_dict()),
        num_rounds=FIRST + ROUNDS,
        evaluate_fn=note,
    )


def main() -> None:
    run_simulation(
        server_app=server,
        client_app=client,
        num_supernodes=NODES,
        backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0}},
    )
    first, last = clocks[FIRST], clocks[FIRST + ROUNDS]
    task.report((last - first) / ROUNDS / NODES)


if __name__ == "__main__":
    main()
