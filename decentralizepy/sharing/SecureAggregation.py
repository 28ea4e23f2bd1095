"""Secure aggregation: a node learns the sum of its neighbors' models, and no single one."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from decentralizepy.errors import NodeFailed
from decentralizepy.message import Message, outgoing
from decentralizepy.sharing import _masks
from decentralizepy.sharing.checks import count, field, reading
from decentralizepy.sharing.finite import spoilt_by_training
from decentralizepy.sharing.receivers import weight_at
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue

LEAST = 2
"""How many senders a sum needs, so that it is not a model."""


class SecureAggregation(Serverless):
    """Send the model, weighted by the receiver's weight, under masks that cancel there.

    Each two neighbors i and k of a node j share a mask for j and the round t, which i adds
    and k subtracts: i sends ``w_ji x_i + sum_k +-PRG(s_ik, j, t)``, in fixed point, modulo
    2^32. What j receives adds up to ``sum_i w_ji x_i``, that is, to plain averaging up to
    rounding; any part of it is uniformly random. Bonawitz et al., Practical Secure
    Aggregation for Privacy-Preserving Machine Learning, CCS 2017, section 4; within
    neighborhoods as in Biswas, Kermarrec, Pires, Sharma and Vujasinovic, Secure Aggregation
    Meets Sparsification in Decentralized Learning (CESAR), arXiv:2405.07708. Keys are new
    in each run, and relayed by j, who is trusted not to forge them.

    A message names those whom its sender j heard in the round before. In the next round,
    these mask for each other what they send to j. Unless all of them are heard then, and
    are at least two, j keeps its own model, as in the first two rounds; masks are never
    revealed. To j, whoever is not named sends no model. The mean over nodes is kept in
    rounds in which no message is missing.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    fraction_bits : int, default 20
        Numbers are rounded to multiples of ``2^-fraction_bits``; one of magnitude
        ``2^(31 - fraction_bits)`` ends the run.
    """

    fixed_options = (
        "compress",
        "compression_package",
        "compression_class",
        "float_precision",
    )
    checkpointed = ("private", "heard", "named", "members")

    def __init__(
        self, *parts: Any, fraction_bits: Annotated[int, Field(ge=1, le=30)] = 20
    ) -> None:
        super().__init__(*parts)
        self.fraction_bits = fraction_bits
        self.masks = _masks.PairMasks(self.uid)
        self.private = self.masks.private
        self.heard: _masks.Keys = {}
        self.named: dict[int, _masks.Keys] = {}  # by this node, in each round
        self.members: dict[int, tuple[int, _masks.Keys]] = {}  # by others, last
        self.own = self.flat.vector()

    @classmethod
    def prepare(cls, **options: Any) -> None:
        _masks.check_installed()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load the state that ``state_dict`` returned, with the private key."""
        super().load_state_dict(state)
        self.masks = _masks.PairMasks(self.uid, self.private)

    def _pre_step(self) -> None:
        self.own = self.flat.vector().clone()
        number = self.communication_round
        self.named = {number: self.heard, number - 1: self.named.get(number - 1, {})}

    def serialized_model(self) -> Message:
        """Return this node's public key, and whom it heard; no model."""
        return {"key": self.masks.public, "members": dict(self.heard)}

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each of ``receivers`` the masked model, if it will be in a sum."""
        for uid in receivers:
            masked = self._masked(uid, message["degree"])
            self.communication.send(uid, {**message, **masked})

    def _masked(self, receiver: int, degree: int) -> Message:
        number, members = self.members.get(receiver, (-1, {}))
        known = members.get(self.uid) == self.masks.public
        if number != self.communication_round - 1 or not known or len(members) < LEAST:
            return {}
        share = weight_at(self, (self.uid, receiver), degree, len(members))
        place = receiver, self.communication_round
        masks = self.masks.total(members, place, self.flat.size)
        return {"params": outgoing(self._fixed(share) + masks)}

    def _fixed(self, share: float) -> _masks.Words:
        """Return a share of the model in fixed point."""
        numbers = self.own.double().numpy() * 2**self.fraction_bits
        largest = np.abs(numbers).max(initial=0)
        if not np.isfinite(largest):
            raise spoilt_by_training(self.uid, self.communication_round + 1)
        if largest >= 2**31 - 1:
            raise NodeFailed(
                f"uid {self.uid}: the model has a number of magnitude "
                f"{largest / 2**self.fraction_bits:.4g}, too large for [SHARING] "
                f"fraction_bits = {self.fraction_bits}"
            )
        fixed: _masks.Words = np.rint(share * numbers).astype(np.int32).view(np.uint32)
        return fixed

    @torch.no_grad()
    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        messages = {uid: peer_deques[uid].popleft() for uid in sorted(peer_deques)}
        self.heard = {}
        for uid, message in messages.items():
            with reading(uid, message):
                key = _masks.public_key(message)
                if key != self.masks.public:  # as in place of a lost peer's message
                    said = _masks.public_keys(message)
                    self.masks.check("key", [key])
                    self.masks.check("members", said.values())
                    self.heard[uid] = key
                    self.members[uid] = self.communication_round, said
        due = self.named.get(self.communication_round - 1, {})
        whole = all(
            self.heard.get(uid) == key and "params" in messages[uid]
            for uid, key in due.items()
        )
        if whole and len(due) >= LEAST:
            self.adopt(self.flat.unflatten(self._mean(messages, due)))
        self._post_step()
        self.communication_round += 1

    def _mean(self, messages: Mapping[int, Message], due: _masks.Keys) -> torch.Tensor:
        """Return the weighted mean of the own and the summed models."""
        total, kept = np.zeros(self.flat.size, np.uint32), 1.0
        for uid in due:
            with reading(uid, messages[uid]):
                total += field(messages[uid], "params", np.uint32, self.flat.size)
                degree = count(messages[uid], "degree", 1, self.graph.n_procs - 1)
            kept -= weight_at(self, (uid, self.uid), degree, len(due))
        received = total.view(np.int32) / 2.0**self.fraction_bits
        mean = kept * self.flat.vector().double() + torch.from_numpy(received)
        return mean.float()
