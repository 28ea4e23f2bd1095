"""Reddit: comments of December 2017, by account, for next-word prediction."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from typing_extensions import TypedDict

from decentralizepy.datasets._vocabulary import PAD, WORDS, read_vocabulary
from decentralizepy.datasets.leaf.cache import Array, Codec, RecordError
from decentralizepy.datasets.leaf.dataset import LeafDataset
from decentralizepy.errors import DataError
from decentralizepy.models.lstm import RNN

__all__ = ["RNN", "Reddit"]

LENGTH = SEQ_LEN = 10
VOCAB_LEN, EMBEDDING_DIM = WORDS, 200
VOCABULARY = Path("vocab", "reddit_vocab.pck")


class Reddit(LeafDataset):
    """Sequences of 10 words (arXiv:1812.01097): x (10,) their numbers, y the next one's.

    The numbers, 0 to 9998, are those of ``vocab/reddit_vocab.pck``, two folders above
    ``train_dir`` or, without one, ``test_dir``. The label is the last word of a target
    sequence that is not padding; sequences without one are skipped. The options are those
    of :class:`~decentralizepy.datasets.leaf.dataset.LeafDataset`.
    """

    num_classes = WORDS
    replaced: ClassVar = {
        **LeafDataset.replaced,
        "_load_vocab": "codec, or load_trainset",
        "_tokens_to_ids": "codec, whose encode numbers the words, or load_trainset",
        "prepare_data": "codec, whose encode numbers the words, or load_trainset",
        "process_x": "codec, whose encode numbers the words, or load_trainset",
        "process_y": "codec, whose encode finds the labels, or load_trainset",
    }

    @staticmethod
    def convert(x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int64)

    def codec(self) -> Codec:
        folder = Path(self.train_dir or self.test_dir or "")
        path = folder.resolve().parent.parent / VOCABULARY
        if folder.is_dir() and not path.is_file():
            raise DataError(f"{folder}: expected LEAF's vocabulary at {path}")
        return _Codec(path)


class _Targets(TypedDict):
    target_tokens: list[list[str]]


class _Codec:
    name, version = "reddit", 1
    record, label = list[list[str]], _Targets

    def __init__(self, vocabulary: Path) -> None:
        self.sources: Sequence[Path] = (vocabulary,)

    @cached_property
    def _vocabulary(self) -> tuple[dict[str, int], int]:
        return read_vocabulary(*self.sources)

    def encode(self, x: list[Any], y: list[Any]) -> tuple[Array, Array]:
        samples = [
            sample
            for number, (sequences, targets) in enumerate(zip(x, y, strict=True))
            for sample in self._samples(number, sequences, targets["target_tokens"])
        ]
        words = np.array([words for words, _ in samples], np.int16)
        labels = np.array([label for _, label in samples], np.int16)
        return words.reshape(-1, LENGTH), labels

    def _samples(
        self, number: int, sequences: list[list[str]], targets: list[list[str]]
    ) -> Iterator[tuple[list[int], int]]:
        """Yield the words and the label of each sequence of a comment that has one."""
        if len(sequences) != len(targets):
            found = f"{len(sequences)} sequences in x, {len(targets)} target_tokens"
            raise RecordError(number, f"{found}: expected as many")
        for sequence, target in zip(sequences, targets, strict=True):
            if len(sequence) != LENGTH:
                found = f"a sequence of {len(sequence)} words in x"
                raise RecordError(number, f"{found}: expected {LENGTH}")
            words = [word for word in self._numbers(target) if word != PAD]
            if words:
                yield self._numbers(sequence), words[-1]

    def _numbers(self, tokens: list[str]) -> list[int]:
        numbers, unknown = self._vocabulary
        return [numbers.get(token, unknown) for token in tokens]
