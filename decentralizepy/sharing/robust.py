"""Averages of whole models that withstand neighbors who send anything."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.sharing.checks import reading
from decentralizepy.sharing.finite import finite, spoilt_by_training
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue

Tolerance = Annotated[int, Field(ge=0)]


class RobustSharing(Serverless):
    """Send the whole model; replace the average by a robust aggregate.

    Subclasses define it by ``aggregate``. Nothing is promised if more than ``byzantine``
    of a node's neighbors are Byzantine, or more than it can outvote: in a round in which
    m models meet, the node's own included, at most (m - 1) / 2 are tolerated. With
    ``[FAULTS] nonfinite = drop``, models with NaN or infinity are ignored; otherwise they
    end the run.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    byzantine : int, default 1
        How many Byzantine neighbors of a node to tolerate.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    def __init__(self, *parts: Any, byzantine: Tolerance = 1, **codec: Any) -> None:
        super().__init__(*parts, **codec)
        self.byzantine = byzantine

    def aggregate(self, models: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Return the node's new model, of shape (N,).

        Parameters
        ----------
        models : torch.Tensor, shape (m, N)
            The node's own model, and those received, in the order of uids.
        weights : torch.Tensor, shape (m,)
            What an average would weight them by; the sum is 1.
        """
        raise NotImplementedError

    @classmethod
    def outvotes(cls, neighbors: int) -> int:
        """Return the largest ``byzantine`` that makes sense with so many neighbors."""
        return neighbors // 2

    def tolerated(self, models: torch.Tensor) -> int:
        """Return how many of ``models`` may be Byzantine: ``byzantine``, or a minority."""
        return min(self.byzantine, (len(models) - 1) // 2)

    @torch.no_grad()
    def _average(
        self,
        peer_deques: Mapping[int, Queue],
        weight: Callable[[int, int, Message], float],
    ) -> None:
        messages = {uid: peer_deques[uid].popleft() for uid in sorted(peer_deques)}
        models, weights = [self.flat.vector()], [1.0]
        for uid, message in messages.items():
            with reading(uid, message):
                share = weight(uid, len(messages) + self.missed, message)
                model = to_tensor(self._numbers(message)).float()
            if self.nonfinite != "keep" and not finite({"params": model}):
                if self.nonfinite == "abort":
                    raise self._spoilt({uid: message})
                self._drop(uid, message)
                continue
            models.append(model)
            weights.append(share)
        if self.nonfinite == "abort" and not finite({"params": models[0]}):
            raise spoilt_by_training(self.uid, self.communication_round + 1)
        weights[0] -= sum(weights[1:])
        new = self.aggregate(torch.stack(models), torch.tensor(weights))
        self.adopt(self.flat.unflatten(new))
        self._post_step()
        self.communication_round += 1


def distances(models: torch.Tensor) -> torch.Tensor:
    """Return the distance of each two models, of shape (m, m)."""
    return torch.cdist(models, models, compute_mode="donot_use_mm_for_euclid_dist")


def shrinkage(lengths: torch.Tensor, radius: torch.Tensor | float) -> torch.Tensor:
    """Return the factors that scale vectors of some lengths down to a radius."""
    return (radius / lengths.clamp(min=1e-30)).clamp(max=1)


def nearest(distance: torch.Tensor, count: int) -> torch.Tensor:
    """Return the indices of the ``count`` smallest, the first ones if some are equal."""
    return torch.sort(distance, stable=True).indices[:count]
