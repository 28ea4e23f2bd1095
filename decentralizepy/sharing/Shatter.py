"""Shatter, in which every receiver gets only a chunk of the model."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.message import Message
from decentralizepy.models.flat import to_tensor
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.sharing.checks import count, numbers, reading
from decentralizepy.sharing.PlainAverageSharing import PlainAverageSharing
from decentralizepy.sharing.serverless import Serverless
from decentralizepy.sharing.Sharing import Queue, State, frozen


class Shatter(Serverless, PlainAverageSharing):
    """Send each receiver one of k chunks of the model; average each chunk by itself.

    A node has k = ``vnodes_per_node`` virtual nodes, one for each chunk. In each round,
    receivers are dealt out to them at random: each gets one chunk, and with at least k
    receivers, every chunk is sent. Each entry becomes the plain mean of the node's own and
    of those that were received: ``x <- (x + sum_j x_j) / (c + 1)``, where c is their number
    in this chunk. Biswas, Even, Kermarrec, Massoulié, Pires, Sharma and de Vos, Noiseless
    Privacy-Preserving Decentralized Learning, PoPETs 2025, arXiv:2404.09536 (Shatter),
    algorithms 1 and 2.

    In the paper, virtual nodes also hide which node a chunk is from, and form a random
    graph anew in each round. Here, receivers know the sender, and who they are is up to
    the graph or the node class, such as DynamicRegular or EL_Local. Chunks are contiguous,
    and of equal size but for one entry. The mean over nodes is not kept.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    vnodes_per_node : int, default 8
        Number of chunks; 1 is
        :class:`~decentralizepy.sharing.PlainAverageSharing.PlainAverageSharing`.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    def __init__(
        self,
        *parts: Any,
        vnodes_per_node: Annotated[int, Field(ge=1)] = 8,
        **codec: Any,
    ) -> None:
        super().__init__(*parts, **codec)
        self.vnodes_per_node = vnodes_per_node
        self.own, self.received = self.flat.vector(), [0] * vnodes_per_node

    def _pre_step(self) -> None:
        self.own = self.flat.vector().clone()

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send each of ``receivers`` a chunk."""
        uids, chunks = [*receivers], self.vnodes_per_node
        place = Purpose.CHUNKS, seed_of(self.dataset), self.uid
        generator = stream(*place, round=self.communication_round)
        order = generator.permutation(chunks).tolist()
        for number, turn in enumerate(generator.permutation(len(uids)).tolist()):
            chunk = order[number % chunks]
            params = frozen(self.own[self.part(chunk)])
            coded = self.compress_data({"params": params})
            self.communication.send(uids[turn], {**message, **coded, "chunk": chunk})

    def part(self, chunk: int) -> slice:
        """Return the entries of a chunk."""
        size, chunks = self.flat.size, self.vnodes_per_node
        return slice(chunk * size // chunks, (chunk + 1) * size // chunks)

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        self.received = [0] * self.vnodes_per_node
        for uid, queue in peer_deques.items():
            with reading(uid, queue[0]):
                for chunk in self._chunks(queue[0]):
                    self.received[chunk] += 1
        super()._averaging(peer_deques)

    def _chunks(self, message: Message) -> range:
        """Return the chunks in a message: all in that which stands for a lost peer's."""
        if "chunk" not in message:
            return range(self.vnodes_per_node)
        chunk = count(message, "chunk", 0, self.vnodes_per_node - 1)
        return range(chunk, chunk + 1)

    def sent_entries(self, m: Message) -> torch.Tensor:
        """Return which of the N numbers a message has."""
        whole = self._sent(m)
        return torch.arange(whole.start, whole.stop)

    def deserialized_model(self, m: Message) -> State:
        """Return the sender's chunk, with this node's own entries elsewhere."""
        theirs, whole = self.flat.vector().clone(), self._sent(m)
        theirs[whole] = self._read(m, whole)
        return self.flat.unflatten(theirs)

    def _sent(self, message: Message) -> slice:
        chunks = self._chunks(message)
        return slice(self.part(chunks[0]).start, self.part(chunks[-1]).stop)

    def _read(self, message: Message, whole: slice) -> torch.Tensor:
        data, size = self.decompress_data(message), whole.stop - whole.start
        return to_tensor(numbers(data, "params", size))

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        """Return 1: every chunk has weights of its own."""
        return 1.0

    def local(self) -> State:
        return {"params": self.flat.vector()}

    def adopt(self, averaged: State) -> None:
        super().adopt(self.flat.unflatten(averaged["params"]))

    def pull(self, total: State, own: State, message: Message, weight: float) -> None:
        """Add to each chunk the sender's difference, over the number of its models."""
        whole, theirs = self._sent(message), torch.zeros(self.flat.size)
        theirs[whole] = self._read(message, whole)
        for chunk in self._chunks(message):
            part = self.part(chunk)
            share = weight / (1 + self.received[chunk])
            total["params"][part].add_(theirs[part] - own["params"][part], alpha=share)
