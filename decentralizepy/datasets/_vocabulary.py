"""The numbers that LEAF gives to the words of Reddit, from a pickle beside the data."""

from pathlib import Path
from typing import Any

from decentralizepy.datasets.sources.unpickle import load
from decentralizepy.errors import DataError

WORDS = 9999
"""Words that have a number; LEAF's ``size``, 10,000, counts one that it leaves out."""

PAD = 0


def read_vocabulary(path: Path) -> tuple[dict[str, int], int]:
    """Return the number, 0 to 9998, of each word, and that of an unknown one.

    The pad's is 0. The pickle is ``{"vocab": {word: number}, "size": 10000,
    "unk_symbol": 1, "pad_symbol": 0}``; a smaller vocabulary will do.

    Raises
    ------
    DataError
        If it is something else, or has another size.
    """
    content = load(path, allowed={})
    if not _is_vocabulary(content):
        raise DataError(
            f"{path}: expected {{'vocab': {{word: number, ...}}, 'size': 10000, "
            "'unk_symbol': 1, 'pad_symbol': 0}"
        )
    words, size = content["vocab"], content["size"]
    numbers = {*words.values(), content["unk_symbol"]}
    if min(numbers) < 0 or max(numbers) >= min(size, WORDS) or size > WORDS + 1:
        raise DataError(
            f"{path}: a vocabulary of the wrong size: expected numbers 0 to {WORDS - 1} "
            f"(size {WORDS + 1}); found {min(numbers)} to {max(numbers)} (size {size})"
        )
    return {"<PAD>": PAD, **words}, content["unk_symbol"]


def _is_vocabulary(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    words = content.get("vocab")
    return (
        isinstance(words, dict)
        and set(map(type, words)) == {str}
        and set(map(type, words.values())) == {int}
        and type(content.get("size")) is int
        and type(content.get("unk_symbol")) is int
        and content.get("pad_symbol") == words.get("<PAD>", PAD) == PAD
    )
