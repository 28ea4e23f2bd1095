"""Shakespeare: lines of the plays, by role, for next-character prediction."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from decentralizepy.datasets.leaf.cache import (
    Array,
    Codec,
    RecordError,
    open_records,
)
from decentralizepy.datasets.leaf.dataset import LeafDataset
from decentralizepy.models.lstm import LSTM

__all__ = ["LSTM", "Shakespeare"]

LENGTH = SEQ_LENGTH = 80
CLASSES = NUM_CLASSES = VOCAB_LEN = 92
EMBEDDING_DIM, HIDDEN_DIM, NUM_LAYERS = 8, 256, 2
_ASCII = {"\n", "\r", *map(chr, range(ord(" "), ord("~")))}
ALPHABET = "".join(sorted(_ASCII - set("+=\\^`|")))
UNKNOWN = len(ALPHABET)
VOCAB = list(ALPHABET)
char2idx = {character: number for number, character in enumerate(ALPHABET)}
idx2char = np.array(VOCAB)


class Shakespeare(LeafDataset):
    """Lines of a role of a play (arXiv:1812.01097): x (80,) characters, y the next one.

    Characters are numbers: the place in ``ALPHABET``, 90 of ASCII in their order, or 90
    for any other; 91 is free. The test takes every 30th sample. The options are those of
    :class:`~decentralizepy.datasets.leaf.dataset.LeafDataset`.
    """

    num_classes = CLASSES
    test_stride = 30
    replaced: ClassVar = {
        **LeafDataset.replaced,
        "process": "codec, whose encode numbers the characters, or load_trainset",
    }

    def codec(self) -> Codec:
        return _Codec()

    def remarks(self) -> Iterator[tuple[str, bool]]:
        """Yield the share of characters not in the alphabet, and users who are copied."""
        yield from super().remarks()
        for directory in filter(None, (self.train_dir, self.test_dir)):
            characters = open_records(directory, self.codec()).x
            unknown = np.count_nonzero(characters == UNKNOWN) / characters.size
            yield f"{directory}: {unknown:.2%} of characters not in the alphabet", True

    @staticmethod
    def process(x: Sequence[str]) -> Array:
        """Return the numbers of the characters of equally long texts, int64."""
        length = len(x[0]) if len(x) else 0
        numbers: Array = _encode(list(x), length, "x").astype(np.int64)
        return numbers.reshape(len(x), length)

    @staticmethod
    def convert(x: torch.Tensor) -> torch.Tensor:
        return x.to(torch.int64)


class _Codec:
    name, version = "shakespeare", 1
    record, label = str, str
    sources: Sequence[Path] = ()

    def encode(self, x: list[Any], y: list[Any]) -> tuple[Array, Array]:
        numbers = (_encode(x, LENGTH, "x"), _encode(y, 1, "y"))
        return numbers[0].reshape(-1, LENGTH), numbers[1]


def _encode(texts: list[str], length: int, part: str) -> Array:
    """Return the numbers of all characters, as uint8."""
    for number, text in enumerate(texts):
        if len(text) != length:
            found = f"{len(text)} characters in {part}"
            raise RecordError(number, f"{found}: expected {length}")
    table = np.full(128, UNKNOWN, np.uint8)
    table[[ord(char) for char in ALPHABET]] = np.arange(UNKNOWN)
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), "<u4")
    numbers: Array = table[np.minimum(codes, 127)]
    return numbers
