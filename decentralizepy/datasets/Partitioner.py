"""Partitioners, which divide a data set among nodes; equal seeds give equal results."""

import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from decentralizepy.datasets.batches import Indexable
from decentralizepy.errors import DataError

Indices = npt.NDArray[np.int64]

DIRICHLET_TRIES = 1000


class Partition:
    """A view of the samples of ``data`` at the indices ``index``.

    Parameters
    ----------
    data : Indexable
    index : sequence of int
        Stored as an array, so that a batch of a partition is a batch of its data.
    """

    def __init__(self, data: Indexable, index: Sequence[int] | Indices) -> None:
        self.data = data
        self.index: Indices = np.asarray(index, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, index: Any) -> Any:
        """Return the sample at ``index``, or a batch if ``data`` supports it."""
        return self.data[self.index[index]]

    @property
    def targets(self) -> Indices:
        """Labels of the samples, if ``data`` has them."""
        return labels_of(self.data)[self.index]


def labels_of(data: Any) -> Indices:
    """Return the labels of ``data``: its ``targets``, also through a torch Subset."""
    if hasattr(data, "targets"):
        return np.asarray(data.targets)
    return Partition(data.dataset, data.indices).targets


def cuts(sizes: Sequence[float], count: int) -> list[int]:
    """Return the bounds of partitions: ``round(count * (sum of the sizes so far))``.

    Rounding the cumulative sums instead of each length ensures that all samples are used.
    """
    return [0, *(min(count, round(count * total)) for total in accumulate(sizes))]


class DataPartitioner:
    """Parts of a shuffled data set, drawn with ``random.Random(seed)``.

    With equal sizes this is the IidPartitioner of flwr-datasets, else its
    SizePartitioner.

    Parameters
    ----------
    data : Indexable
    sizes : sequence of float, default (1.0,)
        The fraction of each part; see :func:`cuts`.
    seed : int, default 1234

    Attributes
    ----------
    partitions : list of array of int
        The indices of the samples of each partition.
    """

    def __init__(
        self, data: Indexable, sizes: Sequence[float] = (1.0,), seed: int = 1234
    ) -> None:
        order = list(range(len(data)))
        random.Random(seed).shuffle(order)
        self.data = data
        self.partitions = _cut(np.array(order, dtype=np.int64), sizes)

    def use(self, rank: int) -> Partition:
        """Return part number ``rank``."""
        return Partition(self.data, self.partitions[rank])


class SimpleDataPartitioner(DataPartitioner):
    """Consecutive partitions in the order of the data set; ``seed`` is unused."""

    def __init__(
        self, data: Indexable, sizes: Sequence[float] = (1.0,), seed: int = 1234
    ) -> None:
        self.data = data
        self.partitions = _cut(np.arange(len(data)), sizes)


class KShardDataPartitioner(DataPartitioner):
    """Partitions of ``shards`` runs each, cut at random positions from what is left.

    This is DecentralizePy's rule, for data sorted by label. A run begins anywhere, and
    continues across the gaps that earlier nodes have left: the later a node is served,
    the more labels it gets. With 2 shards, the number of labels rises with the uid from
    about 2.5 to about 5 of 10. For the shards of McMahan et al. (arXiv:1602.05629), see
    :class:`~decentralizepy.datasets.skewed_partitioners.ShardsDataPartitioner`.

    Parameters
    ----------
    data, sizes, seed
        As for :class:`DataPartitioner`.
    shards : int, default 1
        Runs in each part; if its length is no multiple, some are one sample longer.
    """

    def __init__(
        self,
        data: Indexable,
        sizes: Sequence[float] = (1.0,),
        shards: int = 1,
        seed: int = 1234,
    ) -> None:
        rng = random.Random(seed)
        self.data, left = data, np.arange(len(data))
        self.partitions = []
        for begin, end in pairwise(cuts(sizes, len(data))):
            runs = [left[:0]]
            for length in _even(end - begin, shards):
                start = rng.randrange(len(left))
                places = np.arange(start, start + length) % len(left)
                runs.append(left[places])
                left = np.delete(left, places)
            self.partitions.append(np.concatenate(runs))


class DirichletDataPartitioner(DataPartitioner):
    """Partitions whose label proportions are drawn from a Dirichlet distribution.

    Each class is shuffled and dealt out in the proportions of one draw, in which nodes
    that already have their equal share get nothing (Hsu et al., arXiv:1909.06335, in the
    balanced form of Li et al., arXiv:2102.02079). The smaller ``alpha``, the fewer
    labels per node. A draw that leaves a node with fewer samples than there are classes
    is repeated. Equivalent to flwr-datasets' DirichletPartitioner with ``self_balancing``.

    Parameters
    ----------
    data : Indexable
        With ``targets``, its labels from 0 to ``num_classes`` - 1.
    sizes : sequence of float, default (1.0,)
        Only their number counts.
    seed : int, default 1234
        For ``numpy.random.default_rng``, without its sign.
    alpha : float, default 0.1
    num_classes : int, default 10

    Raises
    ------
    DataError
        If no draw gives every node enough samples.
    """

    def __init__(
        self,
        data: Indexable,
        sizes: Sequence[float] = (1.0,),
        seed: int = 1234,
        alpha: float = 0.1,
        num_classes: int = 10,
    ) -> None:
        self.data, self.seed = data, seed
        self.alpha, self.num_classes = alpha, num_classes
        self.partitions, self.ratio = self.__getDirichletData__(
            labels_of(data), len(sizes), seed, alpha, num_classes
        )

    def __getDirichletData__(  # noqa: N802
        self, labelList: Any, n_nets: int, seed: int, alpha: float, K: int  # noqa: N803
    ) -> tuple[list[Indices], list[float]]:
        """Return the indices of each node's samples, and each node's fraction of all."""
        labels = np.asarray(labelList)
        rng = np.random.default_rng(abs(seed))  # as random.Random takes it
        classes = [np.flatnonzero(labels == label) for label in range(K)]
        tries = DIRICHLET_TRIES if len(labels) >= n_nets * K else 0
        for _ in range(tries):
            parts = _deal(classes, n_nets, alpha, rng)
            if min(map(len, parts)) >= K:
                break
        else:
            raise DataError(
                f"a Dirichlet partition with alpha = {alpha} of {len(labels)} samples "
                f"over {n_nets} nodes leaves a node fewer than {K} samples, the number "
                f"of classes, in each of {tries} draws: expected fewer nodes or a "
                "larger alpha"
            )
        for part in parts:
            rng.shuffle(part)
        return parts, [len(part) / len(labels) for part in parts]


def _deal(
    classes: Sequence[Indices], nodes: int, alpha: float, rng: np.random.Generator
) -> list[Indices]:
    """Deal each class out by one Dirichlet draw; nothing to any node if a draw fails."""
    fair = sum(map(len, classes)) / nodes
    dealt = np.zeros((len(classes), nodes), dtype=np.int64)
    pieces: list[list[Indices]] = []
    for label, places in enumerate(classes):
        order = rng.permutation(places)
        share = rng.dirichlet([alpha] * nodes) * (dealt.sum(axis=0) < fair)
        whole = share.sum()
        if len(order) and not whole:
            return [places[:0]] * nodes
        ends = (np.cumsum(share / (whole or 1)) * len(order)).astype(np.int64)
        pieces.append(np.split(order, ends[:-1]))
        dealt[label] = list(map(len, pieces[-1]))
    return [np.concatenate(part) for part in zip(*pieces, strict=True)]


def _cut(order: Indices, sizes: Sequence[float]) -> list[Indices]:
    return [order[begin:end] for begin, end in pairwise(cuts(sizes, len(order)))]


def _even(count: int, pieces: int) -> list[int]:
    """Return ``count`` in ``pieces`` lengths that differ by at most 1, none of them 0."""
    ends = [count * piece // pieces for piece in range(pieces + 1)]
    return [end - begin for begin, end in pairwise(ends) if end > begin]
