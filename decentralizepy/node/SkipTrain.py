"""Nodes that train in some rounds only, to save energy."""

from typing import Any

from decentralizepy.config.numbers import evaluate
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.Graph import Graph
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.Node import Section
from decentralizepy.randomness import Purpose, seed_of, stream


class SkipTrain(DPSGDNode):
    """D-PSGD in which rounds with training and without alternate.

    Train in ``[NODE] training_rounds`` rounds (default 4), then only average in
    ``sync_rounds`` (default 4), and so on: in round t, from 0, if ``t mod (a + b) < a``.
    With ``training_budget``, the number of rounds in which a node can afford to train, or a
    list with one for each uid, it trains in such a round with probability ``min(budget / n,
    1)``, where n is the number of these rounds, until the budget is spent. Dhasade, Dini,
    Guerra, Kermarrec, Miozzo, Pires, Sharma and de Vos, Energy-Aware Decentralized Learning
    with Intermittent Model Training, IPDPSW 2024, arXiv:2407.01283, SkipTrain and
    SkipTrain-constrained.
    """

    @classmethod
    def prepare(cls, config: dict[str, Section], graph: Graph) -> None:
        budget = budget_of(config.get("NODE", {}))
        if isinstance(budget, list) and len(budget) != graph.n_procs:
            raise ConfigError(
                f"{len(budget)} budgets for {graph.n_procs} nodes",
                section="NODE",
                key="training_budget",
                value=budget,
            )

    def init_node(self, node_configs: Section) -> None:
        budget = budget_of(node_configs)
        self.active = active_rounds(
            self.iterations,
            node_configs.get("training_rounds", 4),
            node_configs.get("sync_rounds", 4),
            budget[self.uid] if isinstance(budget, list) else budget,
            stream(Purpose.TRAINING, seed_of(self.dataset), self.uid),
        )

    def train_locally(self) -> None:
        if self.iteration in self.active:
            super().train_locally()


def budget_of(section: Section) -> Any:
    """Return the option ``training_budget``: a number, a list of numbers, or None."""
    written = section.get("training_budget")
    return evaluate(written) if isinstance(written, str) else written


def active_rounds(
    rounds: int, training: int, sync: int, budget: int | None, generator: Any
) -> frozenset[int]:
    """Return the rounds, from 0, in which a node trains.

    Parameters
    ----------
    rounds : int
        Number of rounds in all.
    training, sync : int
        How many with training, and without, follow each other.
    budget : int, optional
        In how many the node may train.
    generator : numpy.random.Generator
    """
    known = [
        number for number in range(rounds) if number % (training + sync) < training
    ]
    if budget is None:
        return frozenset(known)
    drawn = generator.random(rounds) * len(known)
    return frozenset([number for number in known if drawn[number] < budget][:budget])
