"""Full sharing with Metropolis-Hastings weights, the base class of all sharing."""

import logging
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.checkpoints import PLACE
from decentralizepy.config.signatures import parameters
from decentralizepy.errors import DecentralizepyError
from decentralizepy.message import Message, Outgoing, outgoing
from decentralizepy.models.flat import Flat, difference, to_tensor
from decentralizepy.models.views import copy_of, vector_of, whole
from decentralizepy.sharing._together import Average, overridden
from decentralizepy.sharing.checks import (
    check_degree,
    check_names,
    numbers,
    present,
    reading,
    shares,
    whole_number,
)
from decentralizepy.sharing.churn import UnderChurn
from decentralizepy.sharing.codec import make_compressor
from decentralizepy.sharing.finite import (
    finite,
    first_unsound,
    sent,
    spoilt_by_averaging,
    spoilt_by_training,
)

logger = logging.getLogger(__name__)

State = MutableMapping[str, torch.Tensor]
"""What is averaged: tensors by name."""


class Queue(Protocol):
    """Messages of one peer, oldest first (a deque)."""

    def popleft(self) -> Message: ...

    def __getitem__(self, place: int, /) -> Message: ...


class Sharing(UnderChurn):
    """Send the whole model; average with Metropolis-Hastings weights.

    Let n be the number of models received in this round and d_j the degree reported by
    peer j. Then ``w_j = 1 / (1 + max(n, d_j))`` and ``x <- x + sum_j w_j (x_j - x)``. This
    is doubly stochastic on undirected graphs, so the mean over nodes is preserved (Xiao,
    Boyd and Kim, Distributed average consensus with least-mean-square deviation, 2007,
    section 4). In this form, equal models stay bit-identical.

    Subclasses override what they change: ``serialized_model`` and ``deserialized_model``
    (what is sent), ``weight`` (the weight of a peer, unless the graph defines weights:
    ``edge_weight``), ``pull`` (how a message changes the average), ``local`` and
    ``adopt`` (the representation that is averaged), and ``_pre_step`` and ``_post_step``.

    Parameters
    ----------
    rank, machine_id, communication, mapping, graph, dataset, log_dir
        The parts of the node; stored for subclasses.
    model : torch.nn.Module
        Its parameters become views of one vector (:class:`~decentralizepy.models.flat.Flat`).
    compress : bool, default False
        Compress values, and indices if there are any.
    compression_package, compression_class : str, optional
        The codec, such as ``decentralizepy.compression.Elias`` and ``Elias``.
    float_precision : int, optional
        Option of the codec; None selects its default.
    """

    fixed_options: tuple[str, ...] = ()
    """Options of a parent class that this class sets itself, and that users cannot set."""

    checkpointed: tuple[str, ...] = ("communication_round",)
    derived: tuple[str, ...] = (*PLACE, "flat", "shapes", "lens", "batching")

    keeps_peer_state = False
    """Whether state per peer is kept across rounds; then no peer can be dropped."""

    nonfinite = "abort"
    """What to do about a non-finite model (``abort``, ``drop`` it for the own, ``keep``)."""

    batching: Any = None
    """Averages together with other nodes, if an engine runs several at once."""

    degrees_are_static = False
    """Whether degrees must be those of the graph; if not, any possible one is accepted."""

    def __init__(
        self,
        rank: int,
        machine_id: int,
        communication: Any,
        mapping: Any,
        graph: Any,
        model: torch.nn.Module,
        dataset: Any,
        log_dir: str,
        compress: bool = False,
        compression_package: str | None = None,
        compression_class: str | None = None,
        float_precision: int | None = None,
    ) -> None:
        self.rank, self.machine_id = rank, machine_id
        self.uid = mapping.get_uid(rank, machine_id)
        self.communication, self.mapping, self.graph = communication, mapping, graph
        self.model, self.dataset, self.log_dir = model, dataset, log_dir
        self.communication_round = 0
        self.flat = Flat(model)
        self.shapes, self.lens = self.flat.shapes, self.flat.lens
        self.compress = compress
        self.compressor = make_compressor(
            compress, compression_package, compression_class, float_precision
        )
        if self.compressor is not None:
            self.compressor.limit = self.capacity()

    @classmethod
    def prepare(cls, **options: Any) -> None:
        """Check ``options`` before any process starts, and import the codec.

        Raises
        ------
        ConfigError
            If ``compress`` is set, but no codec is given or it is not available.
        """
        names = parameters(make_compressor)
        make_compressor(**{key: options.get(key) for key in names})

    def batch_with(self, batching: Any) -> None:
        """Average together with other nodes, by ``batching``, where that is possible."""
        self.batching = batching
        batching.tell(Average.name, overridden(self))

    def get_data_to_send(self, degree: int | None = None) -> Message:
        """Return this round's message; ``degree`` defaults to that of the static graph."""
        self._pre_step()
        message = self.serialized_model()
        message["degree"] = self._degree() if degree is None else degree
        message["iteration"] = self.communication_round
        return message

    def forger(self) -> "Sharing":
        """Return what makes messages of forged models; a copy if that changes averages."""
        return self

    def send(self, receivers: Iterable[int], message: Message) -> None:
        """Send this round's message to all ``receivers``; it is encoded once."""
        self.communication.broadcast(receivers, message)

    def serialized_model(self) -> Message:
        """Return what is sent: ``params``, float32 of shape (N,), and more in subclasses."""
        return self.compress_data({"params": frozen(self.flat.vector())})

    def deserialized_model(self, m: Message) -> State:
        """Return the model in a message created by ``serialized_model``."""
        return self.flat.unflatten(to_tensor(self._numbers(m)))

    def _numbers(self, m: Message) -> npt.NDArray[Any]:
        return numbers(self.decompress_data(m), "params", self.flat.size)

    def capacity(self) -> int:
        """Return a bound of a message's numbers and indices; transforms need room."""
        return 2 * int(self.flat.size) + 4096

    def compress_data(self, data: Message) -> Message:
        """Encode ``params`` and ``indices``, if ``compress``."""
        if self.compress:
            if "indices" in data:
                data["indices"] = self.compressor.compress(data["indices"])
            data["params"] = self.compressor.compress_float(data["params"])
        return data

    def decompress_data(self, data: Message) -> Message:
        """Return ``data`` with ``params`` and ``indices`` decoded.

        Raises
        ------
        MessageError
            If ``params`` is missing, or was not encoded by this codec.
        """
        if not self.compress:
            return data
        coded, decoded = present(data, "params"), dict(data)
        decoded["params"] = np.asarray(self.compressor.decompress_float(coded))
        if "indices" in data:
            indices = self.compressor.decompress(data["indices"])
            decoded["indices"] = np.asarray(indices)
        return decoded

    def weight(self, n_peers: int, message: Message) -> float:
        """Return the weight of the sender of ``message`` among ``n_peers`` peers."""
        degree = whole_number(message, "degree")
        return 1 / (1 + max(n_peers, degree))

    def edge_weight(self, uid: int, n_peers: int, message: Message) -> float:
        """Return the weight that this round's graph defines for ``uid``, or ``weight``."""
        graph = self.graph.at(self.communication_round)
        own: float | None = graph.weight(self.uid, uid)
        if own is not None:
            return own
        known = len(graph.neighbors(uid)) if self.degrees_are_static else None
        check_degree(message, known, self.graph.n_procs - 1)
        return self.weight(n_peers, message)

    def local(self) -> State:
        """Return this node's own model, in the representation that is averaged."""
        return self.flat.unflatten(self.flat.vector())

    def adopt(self, averaged: State) -> None:
        """Make ``averaged`` this node's model."""
        self.flat.load(averaged)

    def pull(self, total: State, own: State, message: Message, weight: float) -> None:
        """Add to ``total`` the sender's difference from ``own``, times ``weight``."""
        sum_, mine = vector_of(total), whole(own)
        read = getattr(self.deserialized_model, "__func__", None)
        if read is Sharing.deserialized_model and sum_ is not None and mine is not None:
            sum_.add_(difference(self._numbers(message), mine), alpha=weight)
            return
        theirs = self.deserialized_model(message)
        check_names(type(self), theirs, own)
        for name, tensor in theirs.items():
            total[name].add_(tensor - own[name], alpha=weight)

    def _averaging(self, peer_deques: Mapping[int, Queue]) -> None:
        """Average with one message from each peer, in the order of their uids."""
        if self.batching is None:
            self._average(peer_deques, self.edge_weight)
        else:
            self.batching.do(Average(self, peer_deques))

    def _averaging_server(self, peer_deques: Mapping[int, Queue]) -> None:
        """Average one message per worker, weighted by ``samples`` if they send them."""
        share = shares({uid: queue[0] for uid, queue in peer_deques.items()})
        self._average(peer_deques, lambda uid, n_peers, message: share[uid])

    @torch.no_grad()
    def _average(
        self,
        peer_deques: Mapping[int, Queue],
        weight: Callable[[int, int, Message], float],
    ) -> None:
        own = self.local()
        messages = {uid: peer_deques[uid].popleft() for uid in sorted(peer_deques)}
        total = copy_of(own)
        for uid, message in messages.items():
            before = copy_of(total) if self.nonfinite == "drop" else total
            with reading(uid, message):
                share = weight(uid, len(messages) + self.missed, message)
                self.pull(total, own, message, share)
            if self.nonfinite == "drop" and not finite(total):
                self._drop(uid, message)
                total = before
        if self.nonfinite == "abort" and not finite(total):
            if not finite(own):
                raise spoilt_by_training(self.uid, self.communication_round + 1)
            raise self._spoilt(messages)
        self.adopt(total)
        self._post_step()
        self.communication_round += 1

    def _spoilt(self, messages: Mapping[int, Message]) -> DecentralizepyError:
        """Return an error that explains why an average of ``messages`` is not finite."""
        round_ = self.communication_round + 1
        uid = first_unsound(messages, self.decompress_data)
        if uid is None:
            return spoilt_by_averaging(self.uid, type(self), round_)
        return sent(uid, round_)

    def _drop(self, uid: int, message: Message) -> None:
        """Log why a model is not averaged; raise an error if all of them must be."""
        error = self._spoilt({uid: message})
        if self.keeps_peer_state:
            raise error
        logger.warning("%s: dropped", error)

    def _pre_step(self) -> None:
        """Run before a message is created."""

    def _post_step(self) -> None:
        """Run after the average is adopted."""

    def _degree(self) -> int:
        return len(self.graph.neighbors(self.uid))


def frozen(vector: torch.Tensor) -> Outgoing:
    """Return a copy for a message, which may be modified until it is sent."""
    return outgoing(vector.detach().cpu().numpy().copy())
