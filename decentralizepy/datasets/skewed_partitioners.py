"""Partitioners with quantity or label skew."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from decentralizepy.datasets.batches import Indexable
from decentralizepy.datasets.Partitioner import DataPartitioner, cuts, labels_of
from decentralizepy.errors import ConfigError, DataError


class QuantityDataPartitioner(DataPartitioner):
    """Partitions of a shuffled data set, with sizes from a Dirichlet distribution.

    Every node has at least one sample; the others are divided by one draw (the quantity
    skew of Li et al., arXiv:2102.02079, who redraw if a partition is too small). Label
    proportions are the same on all nodes in expectation. The smaller ``alpha``, the more
    unequal the sizes. Equivalent to flwr-datasets' SizePartitioner with such sizes.

    Parameters
    ----------
    data : Indexable
    sizes : sequence of float, default (1.0,)
        Only their number counts.
    seed : int, default 1234
        For ``numpy.random.default_rng``, without its sign.
    alpha : float, default 0.5
        More than 0, and finite.

    Raises
    ------
    DataError
        If there are fewer samples than nodes.
    """

    def __init__(
        self,
        data: Indexable,
        sizes: Sequence[float] = (1.0,),
        seed: int = 1234,
        alpha: float = 0.5,
    ) -> None:
        count, nodes = len(data), len(sizes)
        if count < nodes:
            raise DataError(f"{count} samples are too few for {nodes} nodes")
        rng = np.random.default_rng(abs(seed))
        order = rng.permutation(count)
        ends = cuts(rng.dirichlet([alpha] * nodes).tolist(), count - nodes)
        self.data = data
        self.partitions = np.split(order, np.arange(1, nodes) + ends[1:-1])


class ClassesDataPartitioner(DataPartitioner):
    """Partitions of exactly ``classes`` labels each; nodes with a label share it evenly.

    In turn, each node takes the labels that the fewest nodes have so far, with ties broken
    at random: the numbers of nodes per label differ by at most 1, and every label is used
    if there are enough nodes. Otherwise samples of unused labels are in no partition.
    This is the pathological partition of McMahan et al., arXiv:1602.05629, with labels
    for shards ("#C = k" of Li et al., arXiv:2102.02079; PathologicalPartitioner of
    flwr-datasets, with ``num_classes_per_partition``).

    Parameters
    ----------
    data : Indexable
        With ``targets``, its labels.
    sizes : sequence of float, default (1.0,)
        Only their number counts.
    seed : int, default 1234
        For ``numpy.random.default_rng``, without its sign.
    classes : int, default 2
        From 1 to the number of labels in ``data``.

    Raises
    ------
    ConfigError
        If there are not that many labels.
    DataError
        If more nodes hold a label than there are samples of it.
    """

    def __init__(
        self,
        data: Indexable,
        sizes: Sequence[float] = (1.0,),
        seed: int = 1234,
        classes: int = 2,
    ) -> None:
        targets = labels_of(data)
        labels, nodes = np.unique(targets), len(sizes)
        check_classes(classes, len(labels))
        rng = np.random.default_rng(abs(seed))
        held = _assign(nodes, classes, len(labels), rng)
        dealt = np.full(len(targets), nodes)  # to nobody
        for label, column in zip(labels, held.T, strict=True):
            places = rng.permutation(np.flatnonzero(targets == label))
            holders = np.flatnonzero(column)
            if len(places) < len(holders):
                raise DataError(
                    f"{len(places)} samples of class {label} are too few for the "
                    f"{len(holders)} nodes that hold it: expected fewer nodes or classes"
                )
            if len(holders):
                dealt[places] = np.resize(holders, len(places))
        self.data = data
        self.partitions = [
            rng.permutation(np.flatnonzero(dealt == node)) for node in range(nodes)
        ]


class ShardsDataPartitioner(DataPartitioner):
    """Partitions of ``shards`` equal pieces of the label-sorted data, dealt at random.

    The samples are sorted by label and cut into nodes x ``shards`` pieces, whose lengths
    differ by at most 1; every node gets ``shards`` of them (McMahan et al.,
    arXiv:1602.05629, section 3; ShardPartitioner of flwr-datasets, with
    ``num_shards_per_partition``). Where no label is shorter than a piece, a piece has
    two labels at most.

    Parameters
    ----------
    data : Indexable
        With ``targets``, its labels.
    sizes : sequence of float, default (1.0,)
        Only their number counts.
    seed : int, default 1234
        For ``numpy.random.default_rng``, without its sign.
    shards : int, default 2
        Pieces of each node.

    Raises
    ------
    DataError
        If there are fewer samples than pieces.
    """

    def __init__(
        self,
        data: Indexable,
        sizes: Sequence[float] = (1.0,),
        seed: int = 1234,
        shards: int = 2,
    ) -> None:
        nodes, order = len(sizes), np.argsort(labels_of(data), kind="stable")
        if len(order) < nodes * shards:
            raise DataError(
                f"{len(order)} samples are too few for {nodes} nodes with {shards} "
                "shards each"
            )
        rng = np.random.default_rng(abs(seed))
        pieces = np.array_split(order, nodes * shards)
        dealt = rng.permutation(nodes * shards).reshape(nodes, shards)
        self.data = data
        self.partitions = [
            rng.permutation(np.concatenate([pieces[piece] for piece in own]))
            for own in dealt
        ]


def check_classes(classes: int, count: int) -> None:
    """Raise a ConfigError if no node can have ``classes`` of ``count`` labels."""
    if not 1 <= classes <= count:
        raise ConfigError(
            section="DATASET", key="classes", value=classes, expected=f"1 to {count}"
        )


def _assign(
    nodes: int, classes: int, count: int, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Return which of ``count`` labels each node holds, of shape (nodes, count)."""
    held = np.zeros((nodes, count), dtype=bool)
    for node in range(nodes):
        fewest_first = np.lexsort((rng.random(count), held.sum(axis=0)))
        held[node, fewest_first[:classes]] = True
    return held
