"""Low-rank differences between neighbors, by power iteration."""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from decentralizepy.errors import ConfigError, MessageError
from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.checks import Fraction, at_most, numbers, present
from decentralizepy.sharing.churn import MESSAGES, NODES
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue, State, frozen

Tensors = list[torch.Tensor]


class PowerGossip(Serverless):
    """Gossip a low-rank approximation of the difference of each pair of neighbors.

    Vogels, Karimireddy and Jaggi, Practical Low-Rank Communication Compression in
    Decentralized Deep Learning, NeurIPS 2020, section 3. Both ends of an edge hold the
    same orthonormal basis B. For each tensor of the model, as a matrix X, both send
    ``X B``; the projection ``(X_j - X_i) B B^T`` is then known to both, and moves them in
    opposite directions, so the mean over nodes is preserved. The next round uses the
    transposed matrices, with ``(X_j - X_i) B``, orthonormalized, as B: half a step of a
    power iteration, which turns B to the directions in which the two differ most.

    One-dimensional tensors are sent uncompressed. The graph must be static, and all nodes
    need the same numerical library, so that their bases are equal.

    As in algorithm 1, each neighbor is sent the products for its own edge: a node of
    degree d sends d of them. A message has ``params``, which maps the neighbor's uid to a
    vector, and the sender's ``uid``.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    low_rank : int, default 1
        Number of columns of B, capped at the smaller dimension of each matrix.
    step_size : float, default 1.0
        In (0, 1]; scales the Metropolis-Hastings weights.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    keeps_peer_state = True
    needs: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (NODES, MESSAGES),
        "both ends of an edge have to take every step of its iteration",
    )
    checkpointed = ("bases", "_random")

    def __init__(
        self,
        *parts: Any,
        low_rank: Annotated[int, Field(ge=1)] = 1,
        step_size: Fraction = 1.0,
        **codec: Any,
    ) -> None:
        super().__init__(*parts, **codec)
        self.low_rank = at_most("low_rank", low_rank, self.flat.size)
        self.step_size = step_size
        self.sent: dict[int, Tensors] = {}
        self.bases: dict[int, Tensors] = {}
        self._random: dict[int, np.random.Generator] = {}

    def serialized_model(self) -> Message:
        """Return ``params``: for each neighbor, the small tensors, then the products."""
        state = self.local()
        peers = sorted(self.graph.neighbors(self.uid))
        params = {peer: self._product(state, peer) for peer in peers}
        message = {"params": params, "uid": self.uid}
        self.sent = {peer: self._parse(message, peer) for peer in peers}
        return message

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each neighbor its own part of ``params``."""
        params = message["params"]
        for uid in receivers:
            own = {peer: params[peer] for peer in params if peer == uid}
            self.communication.send(uid, {**message, "params": own})

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        if present(message, "uid") != uid:
            raise MessageError(f"it claims to be from uid {message['uid']!r}")
        return super().edge_weight(uid, n_peers, message)

    def pull(self, total: State, own: State, message: Message, weight: float) -> None:
        peer = message["uid"]
        theirs = self._parse(message, self.uid)
        gaps = [one - two for one, two in zip(theirs, self.sent[peer], strict=True)]
        rate = self.step_size * weight
        small = self._small(total)
        for tensor in small:
            tensor.add_(gaps.pop(0), alpha=rate)
        pairs = zip(self._matrices(total), self.bases[peer], strict=True)
        for (matrix, basis), gap in zip(pairs, gaps, strict=True):
            matrix.addmm_(gap, basis.T, alpha=rate)
        self.bases[peer] = [self._orthonormal(peer, gap) for gap in gaps]

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        if peer_deques.keys() != self.sent.keys():
            raise ConfigError(
                "needs the graph's neighbors in every round: "
                f"{sorted(self.sent)}, not {sorted(peer_deques)}",
                section="SHARING",
                key="sharing_class",
                value="PowerGossip",
            )
        super()._averaging(peer_deques)

    def _small(self, state: State) -> Tensors:
        return [tensor for tensor in state.values() if tensor.dim() < 2]

    def _matrices(self, state: State) -> Tensors:
        """Return views of the tensors as matrices, transposed every other round."""
        matrices = [
            tensor.view(len(tensor), -1)
            for tensor in state.values()
            if tensor.dim() > 1
        ]
        odd = self.communication_round % 2
        return [matrix.T for matrix in matrices] if odd else matrices

    def _product(self, state: State, peer: int) -> Any:
        """Return the encoded product for ``peer``."""
        pairs = zip(self._matrices(state), self._basis(peer), strict=True)
        parts = self._small(state) + [matrix @ basis for matrix, basis in pairs]
        vector = torch.cat([part.reshape(-1) for part in parts])
        return self.compress_data({"params": frozen(vector)})["params"]

    def _rank(self, matrix: torch.Tensor) -> int:
        rows, columns = matrix.shape
        return min(self.low_rank, rows, columns)

    def _basis(self, peer: int) -> Tensors:
        if peer not in self.bases:
            edge = min(self.uid, peer), max(self.uid, peer)
            seed = seed_of(self.dataset)
            self._random[peer] = stream(Purpose.BASES, seed, edge)
            matrices = self._matrices(self.local())
            empty = [torch.zeros(m.shape[1], self._rank(m)) for m in matrices]
            self.bases[peer] = [self._orthonormal(peer, gap) for gap in empty]
        return self.bases[peer]

    def _orthonormal(self, peer: int, gap: torch.Tensor) -> torch.Tensor:
        """Return a basis of ``gap``, equal at both ends, or a new one if it is 0."""
        if not gap.any():
            drawn = self._random[peer].standard_normal(gap.shape, np.float32)
            gap = torch.from_numpy(drawn)
        elif self.uid > peer:
            gap = -gap
        q: torch.Tensor = torch.linalg.qr(gap).Q
        return q

    def _parse(self, message: Message, reader: int) -> Tensors:
        """Return the small tensors and products in ``message`` for ``reader``."""
        told = present(message, "params")
        if not isinstance(told, dict) or reader not in told:
            raise MessageError(f"no part for uid {reader}")
        shapes = [tensor.shape for tensor in self._small(self.local())]
        matrices = self._matrices(self.local())
        shapes += [torch.Size((len(m), self._rank(m))) for m in matrices]
        sizes = [prod(shape) for shape in shapes]
        own = self.decompress_data({"params": told[reader]})
        parts = torch.split(to_tensor(numbers(own, "params", sum(sizes))), sizes)
        return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
