"""A stand-in for LEAF's Reddit: invented words, on topics that vary by user."""

import itertools
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from decentralizepy.datasets.stand_in._write import Samples, folders, write_parts

Table = npt.NDArray[np.int64]

LENGTH = 10  # tokens per sequence
SIZE = 10_000  # stated size; ids stay below SIZE - 1, as models expect
SPECIAL = ("<PAD>", "<UNK>", "<BOS>", "<EOS>")
# probability that the next word is determined by the language, or by the topic
USUAL, TOPICAL = 0.65, 0.2
SHORTEST, LONGEST = 20, 60  # words per comment


class Language(NamedTuple):
    """Invented words, their frequencies, and the successor of each."""

    words: list[str]
    frequency: npt.NDArray[np.float64]
    usual: Table
    topical: Table


def write(
    directory: Path,
    seed: int = 1,
    users: int = 64,
    comments: int = 15,
    words: int = 200,
    topics: int = 4,
    per_file: int = 4,
) -> None:
    """Write ``data/train`` and ``data/test`` in LEAF's JSON format, and the vocabulary.

    Word frequencies follow Zipf's law. Most words are usually followed by one particular
    word, or by one that depends on the comment's topic. Users prefer some topics.

    Parameters
    ----------
    directory : Path
        Contains ``data/train`` and ``data/test``, for ``train_dir`` and ``test_dir``, and
        the vocabulary ``vocab/reddit_vocab.pck``.
    seed : int, default 1
        Decides every byte.
    users : int, default 64
    comments : int, default 15
        Comments per user; a fifth of them is for testing.
    words : int, default 200
        Words that occur; the vocabulary always has 9,999 tokens.
    topics : int, default 4
    per_file : int, default 4
        Users per file.

    Raises
    ------
    DataError
        If a folder exists and was not generated.
    """
    rng = np.random.default_rng(seed)
    language = _language(rng, words, topics)
    said = {f"user{n:04}": _user(rng, language, comments) for n in range(users)}
    tokens = (*SPECIAL, *language.words)
    ids = {token: number for number, token in enumerate(tokens)}
    content = {"vocab": ids, "size": SIZE, "unk_symbol": 1, "pad_symbol": 0}
    names = ["data/train", "data/test", "vocab"]
    with folders(directory, names, seed) as (train, test, vocab):
        write_parts(train, test, said, per_file)
        (vocab / "reddit_vocab.pck").write_bytes(pickle.dumps(content, protocol=4))


def _language(rng: np.random.Generator, words: int, topics: int) -> Language:
    syllables = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
    invented = ["".join(pair) for pair in itertools.product(syllables, repeat=2)]
    invented += ["".join(triple) for triple in itertools.product(syllables, repeat=3)]
    zipf = 1 / np.arange(1, words + 1)
    frequency = zipf / zipf.sum()
    return Language(
        rng.permutation(invented)[: SIZE - 1 - len(SPECIAL)].tolist(),
        frequency,
        usual=rng.permutation(words),
        topical=rng.choice(words, (topics, words), p=frequency),
    )


def _user(rng: np.random.Generator, language: Language, comments: int) -> Samples:
    likes = rng.dirichlet(np.full(len(language.topical), 0.5))
    chosen = rng.choice(len(likes), comments, p=likes)
    said = [_comment(rng, language, topic) for topic in chosen.tolist()]
    return [x for x, _ in said], [y for _, y in said]


def _comment(
    rng: np.random.Generator, language: Language, topic: int
) -> tuple[list[list[str]], dict[str, Any]]:
    """Return a comment's sequences, and the same shifted by one token."""
    count = rng.integers(SHORTEST, LONGEST)
    fresh = rng.choice(len(language.frequency), count, p=language.frequency)
    ways = rng.random(count)
    numbers = [fresh[0]]
    for new, way in zip(fresh[1:], ways[1:], strict=True):
        known = language.usual if way < USUAL else language.topical[topic]
        numbers.append(known[numbers[-1]] if way < USUAL + TOPICAL else new)
    tokens = ["<BOS>", *(language.words[number] for number in numbers), "<EOS>"]
    target = _sequences(tokens[1:])
    return _sequences(tokens[:-1]), {"target_tokens": target, "count_tokens": target}


def _sequences(tokens: list[str]) -> list[list[str]]:
    """Cut tokens into sequences of 10, and pad the last."""
    padded = tokens + ["<PAD>"] * (-len(tokens) % LENGTH)
    return [padded[start : start + LENGTH] for start in range(0, len(padded), LENGTH)]
