"""The byte counters of many nodes, as if each had sent its messages by itself."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


class ManyBytes:
    """Counts what the nodes of a worker would have sent.

    The size of a message is found by encoding one: a model's depends on the round and on
    the degree that it states, a greeting's on how long its sender's uid is.

    Parameters
    ----------
    node : LiveNode
        One of the nodes, which stands for the others.
    uids : range
        The nodes of this worker.

    Attributes
    ----------
    total, data : array of int64, shape (len(uids),)
        Bytes sent so far by each node, and those of parameters among them.
    """

    def __init__(self, node: Any, uids: range) -> None:
        self.node, self.uids = node, uids
        self.total = np.zeros(len(uids), dtype=np.int64)
        self.data = np.zeros(len(uids), dtype=np.int64)
        self._hello = self._greetings()
        self._met = np.zeros(0, dtype=np.int64)  # pairs of nodes, as one number each
        self._graph: Any = None
        self._degrees = self.total
        self._greet(node.graph)

    def count(self, number: int) -> None:
        """Count the messages of a round, from 0."""
        graph = self.node.graph.at(number)
        if graph is not self._graph:
            self._graph = graph
            out = [len(graph.neighbors(uid)) for uid in self.uids]
            self._degrees = np.array(out, dtype=np.int64)
            if not self.node.graph.fixed:
                self._greet(graph)
        for degree in np.unique(self._degrees):
            size, data = self._model(int(degree), number)
            chosen = self._degrees == degree
            self.total[chosen] += size * degree
            self.data[chosen] += data * degree

    def row(self, uids: Sequence[int]) -> dict[str, list[int] | int]:
        """Return the counters of some nodes, as results contain them."""
        places = np.asarray(uids) - self.uids.start
        total, data = self.total[places], self.data[places]
        return {
            "total_bytes": total.tolist(),
            "total_meta": (total - data).tolist(),
            "total_data_per_n": data.tolist(),
            "total_control": 0,
        }

    def _greet(self, graph: Any) -> None:
        """Count the greetings of nodes that have not met before."""
        pairs = [
            uid * graph.n_procs + peer
            for uid in self.uids
            for peer in graph.neighbors(uid) | graph.in_neighbors(uid)
        ]
        new = np.setdiff1d(np.array(pairs, dtype=np.int64), self._met)
        greeted = new // graph.n_procs - self.uids.start
        self.total += np.bincount(greeted, minlength=len(self.uids)) * self._hello
        if not self.node.graph.fixed:
            self._met = np.union1d(self._met, new)

    def _greetings(self) -> Counts:
        """Return the size of a greeting of each node."""
        lengths = [len(f"{uid:b}") for uid in self.uids]
        known: dict[int, int] = {}
        for uid, length in zip(self.uids, lengths, strict=True):
            if length not in known:
                known[length] = self._size(self.node.greeting(uid))[0]
        return np.array([known[length] for length in lengths], dtype=np.int64)

    def _model(self, degree: int, number: int) -> tuple[int, int]:
        sharing = self.node.sharing
        sharing.communication_round = number
        message = sharing.get_data_to_send(degree=degree)
        message["CHANNEL"] = self.node.update_channel
        return self._size(message)

    def _size(self, message: dict[str, Any]) -> tuple[int, int]:
        """Return the bytes of a message, and those of parameters among them."""
        encoded = self.node.communication.encrypt(message)
        return encoded.size, encoded.data
