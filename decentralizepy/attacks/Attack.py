"""The base class of attacks."""

from typing import Any

import numpy as np
import torch

from decentralizepy.randomness import Purpose, stream


class Attack:
    """What a Byzantine node does to its training, and to the model that it sends.

    A Byzantine node trains and averages like any other, but sends what ``forge`` makes of
    its model. Subclasses override ``forge``, ``corrupt``, or both. An attack has no state:
    its draws depend on the node and the round.

    Parameters
    ----------
    uid : int
        The node.
    seed : int
        The seed of the run.
    """

    informed = False
    """Whether ``forge`` needs this round's models of the node's honest neighbors.

    The node then waits for these before it sends its own.
    """

    def __init__(self, uid: int, seed: int) -> None:
        self.uid, self.seed = uid, seed

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

    def generator(self, iteration: int) -> np.random.Generator:
        """Return the generator of a round."""
        return stream(Purpose.ATTACK, self.seed, self.uid, round=iteration)
