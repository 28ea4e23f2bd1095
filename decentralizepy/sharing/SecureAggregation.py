"""Secure aggregation: a node learns the sum of its neighbors' models, and no single one."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from decentralizepy.errors import NodeFailed
from decentralizepy.message import Message, outgoing
from decentralizepy.sharing._fixed_point import Words, decoded, encoded
from decentralizepy.sharing._masks import Keys
from decentralizepy.sharing.checks import count, field, reading
from decentralizepy.sharing.cohorts import CohortSharing
from decentralizepy.sharing.finite import finite, spoilt_by_training
from decentralizepy.sharing.receivers import weight_at


class SecureAggregation(CohortSharing):
    """Send the model, weighted by the receiver's weight, under masks that cancel there.

    Every two neighbors i and k of a node j share a mask for j and the round t, which i adds
    and k subtracts: i sends ``w_ji x_i + sum_k +-PRG(s_ik, j, t)``, in fixed point, modulo
    2^32. What j receives adds up to ``sum_i w_ji x_i``, that is, to plain averaging up to
    rounding; any part of it is uniformly random. Bonawitz et al., Practical Secure
    Aggregation for Privacy-Preserving Machine Learning, CCS 2017, section 4; within
    neighborhoods as in Biswas, Kermarrec, Pires, Sharma and Vujasinovic, Secure Aggregation
    Meets Sparsification in Decentralized Learning (CESAR), arXiv:2405.07708. Keys are new
    in each run, and relayed by j, who is trusted not to forge them.

    Those who share masks for j are its cohort
    (:class:`~decentralizepy.sharing.cohorts.CohortSharing`), which they know from its last
    message. If the model of one of them is missing, j keeps its own; masks are never
    revealed. A node outside the cohort of j sends j no model. The mean over nodes is kept
    in rounds in which no message is missing.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    fraction_bits : int, default 20
        Numbers are rounded to multiples of ``2^-fraction_bits``; a magnitude of about
        ``2^(31 - fraction_bits)`` ends the run.
    """

    def __init__(
        self, *parts: Any, fraction_bits: Annotated[int, Field(ge=1, le=30)] = 20
    ) -> None:
        super().__init__(*parts)
        self.fraction_bits = fraction_bits

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each of ``receivers`` the masked model, if it will be in a sum."""
        for uid in receivers:
            masked = self._masked(uid, message["degree"])
            self.communication.send(uid, {**message, **masked})

    def _masked(self, receiver: int, degree: int) -> Message:
        cohort = self.cohort(receiver)
        if not cohort:
            return {}
        share = weight_at(self, (self.uid, receiver), degree, len(cohort))
        place = receiver, self.communication_round
        masks = self.masks.total(cohort, place, self.flat.size)
        return {"params": outgoing(self._fixed(share) + masks)}

    def _fixed(self, share: float) -> Words:
        """Return a share of the model in fixed point."""
        if not finite({"params": self.own}):
            raise spoilt_by_training(self.uid, self.communication_round + 1)
        try:
            return encoded(self.own.double().numpy(), share, self.fraction_bits)
        except OverflowError as error:
            raise NodeFailed(
                f"uid {self.uid}: the model has a number of {error}, too large for "
                f"[SHARING] fraction_bits = {self.fraction_bits}"
            ) from error

    def mean(self, messages: Mapping[int, Message], cohort: Keys) -> torch.Tensor:
        """Return the weighted mean of the own and the summed models."""
        total, kept = np.zeros(self.flat.size, np.uint32), 1.0
        for uid in cohort:
            with reading(uid, messages[uid]):
                total += field(messages[uid], "params", np.uint32, self.flat.size)
                degree = count(messages[uid], "degree", 1, self.graph.n_procs - 1)
            kept -= weight_at(self, (uid, self.uid), degree, len(cohort))
        received = torch.from_numpy(decoded(total, self.fraction_bits))
        mean = kept * self.flat.vector().double() + received
        return mean.float()
