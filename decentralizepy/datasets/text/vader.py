"""Sentences of Amazon reviews, rated for VADER, in the format of AmazonReview."""

import csv
import io
import random
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path

from decentralizepy.datasets.text._reviews import COLUMNS
from decentralizepy.errors import DataError
from decentralizepy.files import write_atomic

BOUNDS = (-2.4, -0.8, 0.8, 2.4)  # of five bins of equal width from -4 to 4
HELD_OUT = 5  # one in 5 reviews is for testing

Sentence = tuple[str, int]


def write(
    source: str | Path, directory: str | Path, clients: int, seed: int = 1234
) -> None:
    """Write ``train/<client>.csv`` and ``test/test.csv`` below ``directory``.

    Each sentence (Hutto and Gilbert, ICWSM 2014) has a score from -4 to 4, the mean
    rating of 20 people. Scores are mapped to stars by five bins of equal width, so that
    stars mean the same however the data is split. Sentences of one review stay together:
    a fifth of the reviews is for testing, and the others, shuffled with ``seed``, are
    dealt to the clients in turn.

    Parameters
    ----------
    source
        ``amazonReviewSnippets_GroundTruth.txt`` from vaderSentiment's sdist.
    directory
        Created if it does not exist.
    clients : int
        Number of training files.
    seed : int, default 1234

    Raises
    ------
    DataError
        If ``source`` is damaged or has too few reviews.
    """
    reviews = _read(Path(source))
    names = list(reviews)
    random.Random(seed).shuffle(names)
    held_out = len(names) // HELD_OUT
    if not 0 < clients <= len(names) - held_out:
        raise DataError(
            f"{source}: {clients} clients: expected 1 to {len(names) - held_out}, of "
            f"{len(names)} reviews"
        )
    parts = {f"train/{n:03d}": names[held_out + n :: clients] for n in range(clients)}
    for name, part in {**parts, "test/test": names[:held_out]}.items():
        path = Path(directory, f"{name}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, _csv(each for review in part for each in reviews[review]))


def stars(score: float) -> int:
    """Return 1 to 5 for a score from -4 to 4."""
    return 1 + bisect_right(BOUNDS, score)


def _read(source: Path) -> dict[str, list[Sentence]]:
    """Return the sentences of each review; an id is ``<review>_<sentence>``."""
    reviews: dict[str, list[Sentence]] = {}
    for number, line in enumerate(source.read_text("utf-8").splitlines(), start=1):
        try:
            name, score, text = line.split("\t")
            sentence = (text, stars(float(score)))
        except ValueError as error:
            raise DataError(
                f"{source}, line {number}: expected an id, a score and a text, "
                "separated by tabs"
            ) from error
        reviews.setdefault(name.partition("_")[0], []).append(sentence)
    return reviews


def _csv(sentences: Iterable[Sentence]) -> str:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows((text, star, star - 1) for text, star in sentences)
    return file.getvalue()
