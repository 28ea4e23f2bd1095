"""Reading and tokenizing of reviews, once for all nodes on a machine."""

import contextlib
import csv
import io
import os
import threading
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decentralizepy.datasets.text.LLMData import LLMData
from decentralizepy.errors import DataError
from decentralizepy.models.transformer import STARS, configuration, pretrained

COLUMNS = ("data_path", "label_name", "label_id")
RATINGS = {str(star): star - 1 for star in range(1, STARS + 1)}
LONGEST = 512

_TOKENIZING = threading.Lock()  # all threads share the environment variables

Tokens = npt.NDArray[np.int32]


class Reviews(NamedTuple):
    """The reviews of a folder; ``ends`` holds the end index of each file."""

    data: LLMData
    ends: list[int]


@lru_cache
def read(directory: str, source: str) -> Reviews:
    """Return the reviews of all CSV files in ``directory``, ordered by file name.

    Parameters
    ----------
    directory : str
    source : str
        The tokenizer: a folder, or a name on the Hugging Face hub. It must also contain
        a matching model with its configuration.

    Raises
    ------
    DataError
        If there are no files, or one of them or the tokenizer is invalid.
    """
    texts, classes = [], []
    for path in _files(directory):
        rows = list(_rows(path))
        if not rows:
            raise DataError(f"{path}: contains no reviews")
        texts.append([text for text, _ in rows])
        classes.append([label for _, label in rows])
    tokenize = _tokenizer(source)
    labels = np.eye(STARS, dtype=np.float32)[np.concatenate(classes)]
    with _TOKENIZING, _one_thread():
        data = LLMData(_stack([tokenize(each) for each in texts]), labels)
    return Reviews(data, list(accumulate(map(len, texts))))


def _files(directory: str) -> list[Path]:
    found = Path(directory).glob("*.csv")
    files = sorted(path for path in found if not path.name.startswith("."))
    if not files:
        raise DataError(f"{directory}: contains no *.csv files")
    return files


def _rows(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the text and the class, 0 to 4, of each row."""
    reader = csv.DictReader(io.StringIO(_text(path), newline=""), strict=True)
    for column in COLUMNS:
        if column not in (reader.fieldnames or ()):
            raise DataError(
                f"{path}, line 1: no column {column}: expected {', '.join(COLUMNS)}"
            )
    try:
        for row in reader:
            yield _sample(row)
    except (csv.Error, ValueError) as error:
        line = reader.reader.line_num  # the DictReader's is that of the last valid row
        raise DataError(f"{path}, line {line}: {error}") from error


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: not UTF-8: {error.reason}") from error


def _sample(row: dict[str, str]) -> tuple[str, int]:
    if None in row or None in row.values():
        raise ValueError("expected as many fields as in line 1")
    star = row["label_name"].removesuffix(".0")  # pandas writes some columns as float
    if star not in RATINGS:
        raise ValueError(f"label_name = {star}: expected a whole number from 1 to 5")
    return row["data_path"], RATINGS[star]


def _tokenizer(source: str) -> Any:
    """Return a function that turns texts into padded columns for the model of ``source``."""
    tokenizer = pretrained("AutoTokenizer", source)
    config = configuration(source)
    positions = getattr(config, "max_position_embeddings", LONGEST)
    longest = min(LONGEST, tokenizer.model_max_length, positions)
    if len(tokenizer) > config.vocab_size:
        raise DataError(
            f"{source}: the tokenizer has {len(tokenizer)} tokens but the model only "
            f"{config.vocab_size}: expected a matching tokenizer and model"
        )

    def tokenize(texts: list[str]) -> dict[str, Tokens]:
        columns = tokenizer(
            texts,
            truncation=True,
            max_length=longest,
            padding=True,
            return_tensors="np",
            return_token_type_ids=False,
        )
        return {name: column.astype(np.int32) for name, column in columns.items()}

    return tokenize


def _stack(parts: list[dict[str, Tokens]]) -> dict[str, Tokens]:
    """Concatenate columns of different lengths; the padding is masked out."""
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _join(parts: list[Tokens]) -> Tokens:
    width = max(part.shape[1] for part in parts)
    joined = np.zeros((sum(map(len, parts)), width), np.int32)
    ends = accumulate(map(len, parts))
    for part, end in zip(parts, ends, strict=True):
        joined[end - len(part) : end, : part.shape[1]] = part
    return joined


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep tokenizers from starting threads, which would not survive a fork."""
    name = "TOKENIZERS_PARALLELISM"
    before = os.environ.get(name)
    os.environ[name] = "false"
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
