"""The mean of models that are near and fit the node's own data."""

from itertools import islice
from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.robust import RobustSharing, nearest


class UBAR(RobustSharing):
    """Average with those near models whose loss on the node's own data is no higher.

    Of n received models, take the n - f that are nearest to the node's own, where f is
    ``byzantine``; of these, the ones whose loss on a batch of its training data is at most
    that of its own model; if there are none, the nearest. Then ``x <- alpha x + (1 - alpha)
    mean``. Guo, Zhang, Yu, Xie, Ma, Xiang and Liu, Byzantine-Resilient Decentralized
    Stochastic Gradient Descent, IEEE TCSVT 2022, section IV. There, the gradient step is
    taken after the average; here, x is the model after training, as for all classes.

    Each round costs a forward pass per neighbor that is near. The trainer needs the method
    ``loss_on`` of :class:`~decentralizepy.training.Training.Training`.

    Parameters
    ----------
    alpha : float, default 0.5
        The weight of the node's own model.
    **options
        As for :class:`~decentralizepy.sharing.robust.RobustSharing`.

    Attributes
    ----------
    trainer : Training
        The node's own, set by the node.
    """

    needs_trainer = True
    trainer: Any
    derived = (*RobustSharing.derived, "trainer")

    def __init__(
        self,
        *parts: Any,
        alpha: Annotated[float, Field(ge=0, le=1)] = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(*parts, **options)
        self.alpha = alpha

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        own, received = models[0], models[1:]
        if not len(received):
            return own.clone()
        distance = (received - own).norm(dim=1)
        near = nearest(distance, len(received) - self.tolerated(models))
        first, *others = self.losses(torch.cat([models[:1], received[near]]))
        good = [place for place, loss in enumerate(others) if loss <= first] or [0]
        mean = received[near[good]].mean(0)
        return self.alpha * own + (1 - self.alpha) * mean

    def losses(self, models: torch.Tensor) -> list[float]:
        """Return the loss of each of ``models`` on a batch drawn for this round."""
        batch, own = self.drawn(), self.flat.vector().clone()
        found = []
        for model in models:
            self.flat.load(self.flat.unflatten(model))
            found.append(float(self.trainer.loss_on(batch)))
        self.flat.load(self.flat.unflatten(own))
        return found

    def drawn(self) -> Any:
        """Return one batch of the node's training data, drawn for this round."""
        batches = self.dataset.get_trainset(self.trainer.batch_size, False)
        place = Purpose.JUDGED, seed_of(self.dataset), self.uid
        draws = stream(*place, round=self.communication_round)
        number = int(draws.integers(len(batches)))
        return next(islice(iter(batches), number, None))
