"""Print how every attack hurts every way of averaging: a table, means over seeds.

Nodes of the digits train in one process, in lockstep on a random regular graph, with the
classes that an INI file would name for training, sharing and attack. Their data is non-IID
(Dirichlet). Intervals are 95 % confidence intervals of the mean over seeds (Student's t).

Usage: python eval/byzantine_table.py [--seeds 5] [--rounds 30]
"""

import argparse
from collections import deque
from statistics import fmean, stdev
from types import SimpleNamespace

import torch

from decentralizepy import factory
from decentralizepy.attacks.byzantine import Malice, byzantine_uids
from decentralizepy.datasets.Digits import MLP, Digits
from decentralizepy.graphs.Regular import Regular
from decentralizepy.mappings.Linear import Linear
from decentralizepy.results.methods import half_interval
from decentralizepy.training.Training import Training

NODES, DEGREE, BYZANTINE = 16, 8, 3
ALPHA = 1.0
ATTACKS = {
    "none": None,
    "LabelFlip": {},
    "SignFlip": {"scale": 1.0},
    "Gaussian": {"std": 1.0},
    "ALIE": {"z": 1.5},
    "IPM": {"epsilon": 0.5},
}
SHARINGS = (
    "Sharing",
    "CoordinateMedian",
    "TrimmedMean",
    "MultiKrum",
    "GeometricMedian",
    "ClippedGossip",
    "NearestNeighborAverage",
    "OutlierScissors",
)


def make_node(uid, seed, graph, sharing, attackers, attack):
    """Return what a round needs of a node: data, model, trainer, sharing, malice."""
    mapping = Linear(1, NODES)
    torch.manual_seed(seed)
    model = MLP()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = torch.nn.CrossEntropyLoss()
    data = Digits(
        uid, 0, mapping, random_seed=seed, partition_niid="dirichlet", alpha=ALPHA
    )
    options = {"rounds": 3, "batch_size": 16, "shuffle": True}
    trainer = Training(uid, 0, mapping, model, optimizer, loss, ".", **options)
    owner = factory.load(f"decentralizepy.sharing.{sharing}", sharing)
    chosen = {} if sharing == "Sharing" else {"byzantine": BYZANTINE}
    place = (uid, 0, None, mapping, graph, model, data, ".")
    malice = None
    if attack and uid in attackers:
        cls = factory.load(f"decentralizepy.attacks.{attack}", attack)
        each = cls(uid, seed, **ATTACKS[attack])
        each.corrupt(trainer, data)
        malice = Malice(each, attackers)
    return SimpleNamespace(
        uid=uid,
        data=data,
        loss=loss,
        model=model,
        trainer=trainer,
        sharing=owner(*place, **chosen),
        malice=malice,
        senders=graph.neighbors(uid),
    )


def run(attack, sharing, seed, rounds):
    """Return the mean accuracy of the honest nodes after all rounds, in percent."""
    graph = Regular(NODES, DEGREE, seed)
    config = {"ATTACK": {"count": BYZANTINE}, "DATASET": {"random_seed": seed}}
    attackers = byzantine_uids(config, graph)
    nodes = [
        make_node(uid, seed, graph, sharing, attackers, attack) for uid in range(NODES)
    ]
    for iteration in range(rounds):
        step(nodes, iteration)
    honest = [node for node in nodes if node.uid not in attackers]
    return fmean(node.data.test(node.model, node.loss)[0] for node in honest)


def step(nodes, iteration):
    """Do a round of all nodes; attackers send last, and know what they received."""
    for node in nodes:
        node.trainer.train(node.data)
    sent = {}
    for node in sorted(nodes, key=lambda node: node.malice is not None):
        if node.malice is None:
            sent[node.uid] = node.sharing.get_data_to_send(degree=DEGREE)
        else:
            node.iteration = iteration
            node.gather = lambda uids: {uid: deque([sent[uid]]) for uid in uids}
            sent[node.uid] = node.malice.message(node, DEGREE)
    for node in nodes:
        node.sharing._averaging({uid: deque([sent[uid]]) for uid in node.senders})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'':22}" + "".join(f"{name:>13}" for name in ATTACKS), flush=True)
    for sharing in SHARINGS:
        cells = []
        for attack, options in ATTACKS.items():
            name = attack if options is not None else None
            found = [
                run(name, sharing, seed, args.rounds) for seed in range(args.seeds)
            ]
            half = stdev(found) * half_interval(len(found))
            cells.append(f"{fmean(found):.1f} ± {half:.1f}")
        line = "".join(f"{cell:>13}" for cell in cells)
        print(f"{sharing:22}{line}", flush=True)


if __name__ == "__main__":
    main()
