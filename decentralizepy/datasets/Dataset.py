"""Base class of all data sets: a training partition, and validation and test sets."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch

from decentralizepy.config.overrides import check_overrides
from decentralizepy.config.signatures import parameters
from decentralizepy.datasets.batches import Batches, Indexable, Order
from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.feature_skew import Skewed
from decentralizepy.datasets.loading import batches_of
from decentralizepy.datasets.options import EVEN, fractions, refused
from decentralizepy.datasets.Partitioner import Indices, Partition
from decentralizepy.datasets.testing import Loss, draw, evaluate
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Mapping import Mapping
from decentralizepy.randomness import Purpose, derive_seed

Model = TypeVar("Model")

TEST_BATCH_SIZE = 16  # activations of larger batches do not fit the cache


class Dataset(Order):
    """A data set as one node sees it.

    A subclass reads its files in its constructor and sets ``trainset`` (this node's
    part), ``testset`` and ``validationset``, of the package's data sets by overriding
    ``load_trainset`` and ``load_testset``; or it overrides the three ``get_...``
    methods, and ``test`` if its measure is not the share of right classes.

    Parameters
    ----------
    rank, machine_id : int
        Rank and machine of the node; a service has a negative rank and no training data.
    mapping : Mapping
    random_seed : int, default 1234
        Determines the partition, which must be the same on all nodes and, together with
        the uid, the order of shuffled passes.
    only_local : bool, default False
        Partition the data among the nodes of this machine instead of all nodes.
    train_dir, test_dir : str, default ""
        Folders; if empty, there is no training or no test.
    sizes : str or list of float, default ""
        The fraction of each node, as a list that sums to 1. By default all are equal,
        except that the last node also gets the remainder, as in DecentralizePy; with
        ``even``, the remainder is spread over the first nodes, one sample each.
    test_batch_size : int, default 16
        Samples per batch of a test. It affects speed and memory, not the result.
    validation_source : {"", "Train", "Test"}, default ""
        The set from which the validation set is taken.
    validation_size : float, default ""
        The fraction of that set to take.
    drop_last : bool, default False
        Drop the last batch of a training pass if it is incomplete, unless it is the only
        one. A model with BatchNorm1d cannot be trained on a batch of one sample.
    test_samples : int, default 0
        Test on this many samples of ``testset``, drawn once with ``random_seed`` and the
        same on all nodes; 0, or more than there are, for all of them.

    Attributes
    ----------
    uid : int
    dataset_id : int
        Index of this node's partition: its rank with ``only_local``, otherwise its uid.
    num_partitions : int
    num_classes : int or None
    generator : torch.Generator
        Draws the order of shuffled passes; different on each node.

    Raises
    ------
    ConfigError
        If ``sizes``, ``test_batch_size`` or ``test_samples`` cannot be used.
    """

    num_classes: int | None = None
    default_test_batch_size = TEST_BATCH_SIZE
    drop_last = False
    trainset: Indexable | None = None
    testset: Indexable | None = None
    columns: Callable[[Any, Any], Indexable] = Data
    """What is made of ``train_x`` and ``train_y``, where ``load_trainset`` sets these."""

    replaced: ClassVar[dict[str, str]] = {}
    """Methods of DecentralizePy that nothing calls, and what to override instead."""
    callers: ClassVar[tuple[str, ...]] = ("load_trainset",)
    """Methods that call those in DecentralizePy; who overrides one may call any."""

    validationset: Indexable | None = None
    test_samples = 0
    _tested: Indices | None = None
    """Which samples of the test set are tested on, once they are drawn."""

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Mapping,
        random_seed: int = 1234,
        only_local: bool = False,
        train_dir: str = "",
        test_dir: str = "",
        sizes: str | Sequence[float] = "",
        test_batch_size: int | Literal[""] = "",
        validation_source: str = "",
        validation_size: float | Literal[""] = "",
        drop_last: bool = False,
        test_samples: int = 0,
    ) -> None:
        check_overrides(type(self))
        self.rank, self.machine_id, self.mapping = rank, machine_id, mapping
        self.random_seed, self.only_local = random_seed, only_local
        self.uid = mapping.get_uid(rank, machine_id)
        self.dataset_id = rank if only_local else self.uid
        self.num_partitions = (
            mapping.get_local_procs_count() if only_local else mapping.get_n_procs()
        )
        self.train_dir, self.test_dir = train_dir or None, test_dir or None
        self.even = sizes == EVEN
        self.sizes = None if self.even else fractions(sizes)
        if test_batch_size == "":
            test_batch_size = self.default_test_batch_size
        self.test_batch_size = test_batch_size
        self.drop_last = drop_last or self.drop_last
        self.test_samples = test_samples
        self._check_tests()
        self.validation_source = validation_source or None
        self.validation_size = validation_size or None
        self.__training__ = self.train_dir is not None
        self.__testing__ = self.test_dir is not None
        self.__validating__ = bool(validation_source and validation_size)
        self.generator = _generator(random_seed, self.uid)
        self._distribution: list[int] | None = None

    @classmethod
    def prepare(cls, **options: Any) -> None:
        """Check ``options`` and load what all nodes of this machine share.

        The launcher calls this before it forks, so that the nodes share the memory. The
        options are those of section DATASET. This method must not start threads.

        Raises
        ------
        ConfigError
            If a folder, file or value is wrong.
        """

    def make_model(self, model_class: Callable[[], Model]) -> Model:
        """Return a new model; override this to pass sizes that depend on the data.

        Raises
        ------
        ConfigError
            If the constructor of the model requires arguments.
        """
        required = [
            parameter.name
            for parameter in parameters(model_class).values()
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        if required:
            raise ConfigError(
                f"its constructor requires {', '.join(required)}; expected a "
                "default for each, or a data set whose make_model passes them",
                section="DATASET",
                key="model_class",
                value=getattr(model_class, "__name__", model_class),
            )
        return model_class()

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Batches:
        """Return the batches of this node's partition.

        Raises
        ------
        RuntimeError
            If this node has no training data.
        """
        trainset = self._present(self.trainset, "training")
        generator = self.generator if shuffle else None
        batches: Batches = batches_of(trainset, batch_size, generator, self.drop_last)
        return batches

    def get_testset(self) -> Batches:
        """Return the batches of the test set; raise a RuntimeError if there is none."""
        testset = self._sampled(self._present(self.testset, "test"))
        batches: Batches = batches_of(testset, self.test_batch_size)
        return batches

    def get_validationset(self) -> Batches:
        """Return the batches of the validation set; raise a RuntimeError if there is none."""
        validationset = self._present(self.validationset, "validation")
        batches: Batches = batches_of(validationset, self.test_batch_size)
        return batches

    def not_at_once(self, flat: Any) -> str:
        """Return why ``many`` cannot give all nodes' samples at once; "" if it can."""
        return f"{type(self).__name__} does not say which samples each node has"

    def test(self, model: torch.nn.Module, loss: Loss) -> tuple[float, float]:
        """Return the accuracy in percent and the mean loss on the test set.

        Parameters
        ----------
        model : torch.nn.Module
            Left in the mode, training or evaluation, that it was in.
        loss : callable
            ``loss(output, target)``, the mean over a batch.
        """
        return evaluate(model, loss, self.get_testset())

    def validate(self, model: torch.nn.Module, loss: Loss) -> tuple[float, float]:
        """Return the accuracy in percent and the mean loss on the validation set."""
        return evaluate(model, loss, self.get_validationset())

    def get_label_distribution(self) -> list[int]:
        """Return the number of samples of each class in this node's partition."""
        if self._distribution is None:
            batches: Batches = self.get_trainset(TEST_BATCH_SIZE)
            if self.drop_last and self.trainset is not None:
                batches = batches_of(self.trainset, TEST_BATCH_SIZE)
            labels = np.concatenate([y for _, y in batches])
            counts = np.bincount(labels, minlength=self.num_classes or 0)
            self._distribution = counts.tolist()
        return self._distribution

    def remarks(self) -> Iterator[tuple[str, bool]]:
        """Yield remarks on the data for the user, and whether each is harmless."""
        return iter(())

    def shares(self, count: int, even: bool = False) -> list[float]:
        """Return the fraction of ``count`` samples in each partition.

        Without ``sizes``, the last partition also gets the remainder. With ``sizes = even``,
        or if requested here, partitions differ by at most one sample.

        Raises
        ------
        DataError
            If a node gets no sample, or ``sizes`` has too few entries.
        """
        parts = self.num_partitions
        if count < parts:
            raise DataError(f"{count} training samples are too few for {parts} nodes")
        if self.sizes is None:
            if even or self.even:
                each, more = divmod(count, parts)
                return [(each + (part < more)) / count for part in range(parts)]
            equal = count // parts / count
            return [equal] * (parts - 1) + [1 - equal * (parts - 1)]
        if len(self.sizes) < parts:
            cause = f"{len(self.sizes)} fractions for {parts} nodes"
            raise DataError(cause, section="DATASET", key="sizes")
        return self.sizes

    def whole(self, name: str) -> Any:
        """Return the whole set that the nodes' ``trainset`` or ``testset`` are parts of.

        Machines compare the arrays and tensors among its attributes before they start.
        """
        part = getattr(self, name)
        while isinstance(part, Partition | Skewed):
            part = part.data
        return part

    def _check_tests(self) -> None:
        count = self.test_samples
        if self.test_batch_size < 1:
            raise refused("test_batch_size", self.test_batch_size, "at least 1")
        if count < 0:
            raise refused("test_samples", count, "0 or more")
        if count and type(self).get_testset is not Dataset.get_testset:
            own = f"0, as {type(self).__name__} has its own get_testset"
            raise refused("test_samples", count, own)

    def _sampled(self, testset: Indexable) -> Indexable:
        """Return the part of the test set to test on."""
        if not 0 < self.test_samples < len(testset):
            return testset
        if self._tested is None:
            self._tested = draw(len(testset), self.test_samples, self.random_seed)
        return Partition(testset, self._tested)

    def _present(self, part: Indexable | None, what: str) -> Indexable:
        if part is None:
            raise RuntimeError(f"node {self.uid} has no {what} set")
        return part


def _generator(seed: int, uid: int) -> torch.Generator:
    """Return a generator with a stream of its own for this node."""
    return torch.Generator().manual_seed(derive_seed(Purpose.ORDER, seed, uid))
