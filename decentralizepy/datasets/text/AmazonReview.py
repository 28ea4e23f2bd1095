"""Amazon reviews, to be classified by their stars."""

import os
import random
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch

from decentralizepy.config.order import in_order
from decentralizepy.config.signatures import parameters
from decentralizepy.datasets.batches import Batches
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.datasets.loading import load_sets
from decentralizepy.datasets.options import check_validation, one_of
from decentralizepy.datasets.Partitioner import DataPartitioner, Partition, labels_of
from decentralizepy.datasets.text import _reviews
from decentralizepy.datasets.text.LLMData import LLMData
from decentralizepy.errors import ConfigError, DataError, nearest
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models.transformer import (
    BERT,
    BERT_NAME,
    MOBILE_BERT_NAME,
    STARS,
    MobileBERT,
    Transformer,
)

__all__ = ["BERT", "AmazonReview", "LLMData", "MobileBERT", "Transformer"]

Model = TypeVar("Model")

NUM_CLASSES = STARS
TOKENIZERS = {"BERT": BERT_NAME, "MobileBERT": MOBILE_BERT_NAME}
PARTITIONS = ("files", "iid")


class AmazonReview(Dataset):
    """Tokenized reviews with 1 to 5 stars, from one CSV file per client.

    A batch is a dict of ``input_ids`` and ``attention_mask``, both of shape (batch,
    length), and ``labels``, one-hot of shape (batch, 5). The files are in UTF-8, with a
    header line that names ``data_path`` (the text), ``label_name`` (1 to 5) and
    ``label_id``. They are tokenized once, before the nodes start.

    Parameters
    ----------
    *place
        ``rank``, ``machine_id`` and ``mapping``.
    random_seed, only_local, train_dir, test_dir, sizes, test_batch_size
        As for :class:`~decentralizepy.datasets.Dataset.Dataset`; ``train_dir`` and
        ``test_dir`` are folders of such files.
    validation_source, validation_size
        Likewise. With ``Train``, the validation set is part of the node's own data.
    tokenizer : str, default "BERT"
        ``BERT``, ``MobileBERT``, or a folder with a tokenizer and a model. The folder is
        passed to model classes with a parameter ``source``, such as ``Transformer``.
    partition_niid : {"files", "iid"}, default "files"
        ``files``: each node gets one file of ``train_dir``, in an order shuffled with
        ``random_seed``; ``sizes`` is ignored. ``iid``: the reviews of all files are
        shuffled and split.

    Raises
    ------
    ConfigError
        If the value of an option is invalid, or ``transformers`` is not installed.
    DataError
        If the files or the tokenizer are invalid, or there are too few files.
    """

    num_classes = STARS
    columns = LLMData
    replaced: ClassVar = {
        "__read_file__": "load_trainset",
        "__read_dir__": "load_trainset",
    }

    @in_order(
        3, "random_seed only_local train_dir test_dir sizes test_batch_size tokenizer"
    )
    def __init__(
        self,
        *place: Any,
        tokenizer: str = "BERT",
        partition_niid: str = "files",
        **options: Any,
    ) -> None:
        super().__init__(*place, **options)
        check_validation(self.validation_source, self.validation_size)
        self.partition_niid = one_of(PARTITIONS, "partition_niid", partition_niid)
        self.source = _source(tokenizer)
        load_sets(self)
        self.__validating__ = self.validationset is not None

    @classmethod
    def prepare(cls, **options: Any) -> None:
        cls(-1, 0, Linear(1, 1), **options)

    def make_model(self, model_class: Callable[..., Model]) -> Model:
        """Return a new model; pass it this data set's ``source`` if its class accepts that."""
        if "source" in parameters(model_class):
            return model_class(source=self.source)
        return super().make_model(model_class)

    def get_trainset(self, batch_size: int = 1, shuffle: bool = True) -> Batches:
        """Return this node's training batches; RuntimeError if there are none."""
        return super().get_trainset(batch_size, shuffle)

    def test(
        self, model: torch.nn.Module, loss: object = None, one_batch: bool = False
    ) -> tuple[float, float]:
        """Return the accuracy in percent and the mean loss on the test set.

        Parameters
        ----------
        model : torch.nn.Module
            Returns ``(loss, logits)``; its training mode is restored.
        loss : object, optional
            Ignored, since the model computes the loss; if it is True or False, it is
            ``one_batch``, the second argument in DecentralizePy.
        one_batch : bool, default False
            Test on one batch only, drawn at random.
        """
        if not (loss if isinstance(loss, bool) else one_batch):
            return _evaluate(model, self.get_testset())
        testset = self._present(self.testset, "test")
        batches = Batches(testset, self.test_batch_size, self.generator)
        return _evaluate(model, islice(batches, 1))

    def validate(
        self, model: torch.nn.Module, loss: object = None
    ) -> tuple[float, float]:
        """Return the accuracy in percent and the mean loss on the validation set."""
        return _evaluate(model, self.get_validationset())

    def get_label_distribution(self) -> list[int]:
        """Return how many of this node's reviews have 1, 2, ... 5 stars."""
        labels = labels_of(self._present(self.trainset, "training"))
        counts: list[int] = np.bincount(labels, minlength=STARS).tolist()
        return counts

    def load_testset(self) -> None:
        """Set ``testset``: all of ``test_dir``."""
        data = _reviews.read(str(self.test_dir), self.source).data
        self.testset = self._hold_out("Test", Partition(data, range(len(data))))

    def load_trainset(self) -> None:
        """Set ``trainset``: this node's partition of ``train_dir``."""
        reviews = _reviews.read(str(self.train_dir), self.source)
        if self.dataset_id < 0:  # a service has no partition
            self.__training__ = False
            return
        own = self._own_file if self.partition_niid == "files" else self._own_share
        self.trainset = self._hold_out("Train", own(reviews))

    def _own_share(self, reviews: _reviews.Reviews) -> Partition:
        shares = self.sizes = self.shares(len(reviews.data), even=True)
        partitioner = DataPartitioner(reviews.data, shares, self.random_seed)
        return partitioner.use(self.dataset_id)

    def _own_file(self, reviews: _reviews.Reviews) -> Partition:
        order = list(range(len(reviews.ends)))
        if len(order) < self.num_partitions:
            raise DataError(
                f"{len(order)} files for {self.num_partitions} nodes; "
                "partition_niid = iid splits all reviews",
                section="DATASET",
                key="train_dir",
                value=self.train_dir,
            )
        random.Random(self.random_seed).shuffle(order)
        file = order[self.dataset_id]
        start = reviews.ends[file - 1] if file else 0
        return Partition(reviews.data, range(start, reviews.ends[file]))

    def _hold_out(self, source: str, part: Partition) -> Partition:
        """Split the validation set off ``part`` if this is its source."""
        if not self.__validating__ or source != self.validation_source:
            return part
        order = np.random.default_rng(abs(self.random_seed)).permutation(part.index)
        count = int(len(order) * float(self.validation_size or 0))
        if not count:
            raise DataError(
                f"none of the {len(order)} reviews of validation_source = {source}",
                section="DATASET",
                key="validation_size",
                value=self.validation_size,
            )
        self.validationset = Partition(part.data, order[:count])
        return Partition(part.data, order[count:])


def _source(tokenizer: str) -> str:
    """Return the folder, or the name on the Hugging Face hub, of ``tokenizer``."""
    if tokenizer in TOKENIZERS or os.path.isdir(tokenizer):
        return TOKENIZERS.get(tokenizer, tokenizer)
    raise ConfigError(
        section="DATASET",
        key="tokenizer",
        value=tokenizer,
        expected=f"{', '.join(TOKENIZERS)} or a folder",
        suggestion=nearest(tokenizer, TOKENIZERS) or "",
    )


def _evaluate(
    model: torch.nn.Module, batches: Iterable[dict[str, torch.Tensor]]
) -> tuple[float, float]:
    """Return the accuracy in percent and the mean loss over samples."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    right, total, count = torch.zeros(()), torch.zeros((), dtype=torch.float64), 0
    with torch.inference_mode():
        for batch in batches:
            batch = {name: column.to(device) for name, column in batch.items()}
            loss, logits = model(**batch)[:2]
            labels = batch["labels"]
            right = right + (logits.argmax(1) == labels.argmax(1)).sum().cpu()
            total = total + loss.cpu() * len(labels)
            count += len(labels)
    model.train(was_training)
    return 100 * float(right) / count, float(total) / count
