"""The base class of attacks."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
import torch

from decentralizepy.errors import ConfigError
from decentralizepy.randomness import Purpose, stream

Pair = tuple[torch.Tensor, torch.Tensor]


class Target(NamedTuple):
    """What an attacker knows of a neighbor.

    Parameters
    ----------
    model : torch.Tensor, shape (N,)
        What the neighbor sends in this round.
    others : torch.Tensor, shape (k, N)
        What those of its honest neighbors send that are also the attacker's.
    weights : torch.Tensor, shape (k,)
        The weights that the neighbor averages these with.
    byzantine : float
        The sum of its weights of Byzantine nodes, more than 0.
    """

    model: torch.Tensor
    others: torch.Tensor
    weights: torch.Tensor
    byzantine: float


class Attack:
    """What a Byzantine node does to its training, and to the model that it sends.

    A Byzantine node trains and averages like any other, but sends what ``forge`` makes of
    its model. Subclasses override ``forge``, ``corrupt``, or both. An attack keeps nothing
    from one round to the next: its draws depend on the node and the round.

    Parameters
    ----------
    uid : int
        The node.
    seed : int
        The seed of the run.

    Attributes
    ----------
    vector : callable
        Returns the node's model, of shape (N,); set by a Byzantine node.
    """

    vector: Callable[[], torch.Tensor]
    informed = False
    """Whether ``forge`` needs this round's models of the node's honest neighbors.

    The node then waits for these before it sends its own.
    """

    targeted = False
    """Whether honest neighbors are sent what ``forge_for`` makes for each of them.

    Such an attack is ``informed``, too; other Byzantine nodes are sent the node's model.
    """

    def __init__(self, uid: int, seed: int) -> None:
        self.uid, self.seed = uid, seed

    def check(self, dataset: Any) -> None:
        """Raise a ConfigError if the attack cannot be made on a node's data set."""

    def corrupt(self, trainer: Any, dataset: Any) -> None:
        """Change how the node trains, before its first round."""

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        """Return the model to send, of shape (N,).

        Parameters
        ----------
        own : torch.Tensor, shape (N,)
            The node's model after training.
        honest : torch.Tensor, shape (k, N)
            The models of its honest neighbors in the order of their uids, if the attack is
            ``informed``; at least one.
        iteration : int
            The round, from 0.
        """
        return own

    def forge_for(self, target: Target, iteration: int) -> torch.Tensor:
        """Return the model to send to one neighbor, of shape (N,)."""
        raise NotImplementedError

    def success(self, model: torch.nn.Module, dataset: Any) -> float | None:
        """Return the success with an honest node's model, in percent of test samples.

        None for an attack without a target, which only lowers the accuracy.
        """
        return None

    def misfit(self, cause: str, key: str, value: Any) -> ConfigError:
        """Return an error for a key of section ATTACK."""
        return ConfigError(cause, section="ATTACK", key=key, value=value)

    def generator(self, iteration: int) -> np.random.Generator:
        """Return the generator of a round."""
        return stream(Purpose.ATTACK, self.seed, self.uid, round=iteration)


def success_rate(
    model: torch.nn.Module, batches: Iterable[Pair], aim: Callable[..., Pair]
) -> float:
    """Return on how many samples a model does what an attacker wants, in percent.

    Parameters
    ----------
    model : torch.nn.Module
        Left in the mode, training or evaluation, that it was in.
    batches : iterable of (data, labels)
    aim : callable
        Returns those samples of a batch that count, and the classes that are wanted.
    """
    device = next((each.device for each in model.parameters()), None)
    was_training = model.training
    model.eval()
    hits, count = 0, 0
    with torch.inference_mode():
        for data, labels in batches:
            samples, wanted = aim(data, labels)
            if len(wanted):
                found = model(samples.to(device)).argmax(1)
                hits += int((found == wanted.to(device)).sum())
                count += len(wanted)
    model.train(was_training)
    return 100 * hits / count if count else 0.0
