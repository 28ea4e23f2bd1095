"""A stand-in for Shakespeare: sentences from a small grammar, with words per role."""

import re
from pathlib import Path

import numpy as np

from decentralizepy.datasets.stand_in._write import Samples, folders, write_users

WINDOW = 80  # characters per sample; the next character is its label
PLAYS = ("THE_FEIGNED_KING", "A_MARKET_IN_PADUA", "THE_SALT_TIDE", "LOVE_UNLETTERED")
ROLES = """KING QUEEN CLOWN NURSE CAPTAIN SERVANT LADY GHOST
    LAWYER SHEPHERD WIDOW PRINCE DOCTOR THIEF POET HERALD"""
TEST_SHARE = 0.2
OWN = 3  # nouns, verbs and adjectives each that a role uses

# names in braces are replaced by one of their lines; none of the text is Shakespeare's
GRAMMAR = {
    "sentence": """
        {call}, {order}.
        {call}, {fact}; and {fact}.
        {question}, {call}?
        nay, {fact}, though {fact}.
        if {fact}, then {order}!
        O {adjective} {noun}! {fact}.""",
    "call": """
        my lord
        good sir
        sweet lady
        thou {adjective} {noun}
        friend
        come""",
    "order": """
        bring me the {adjective} {noun}
        speak not of the {noun}
        let us {verb} the {noun}
        go and {verb} my {adjective} {noun}
        do not {verb} me""",
    "fact": """
        the {noun} is {adjective}
        I would {verb} thy {noun}
        my {noun} doth {verb} the {adjective} {noun}
        we shall {verb} this {noun}
        thou wilt {verb} me
        there is no {noun} so {adjective}""",
    "question": """
        what {noun} is this
        shall I {verb} the {adjective} {noun}
        who did {verb} my {noun}
        dost thou {verb} me""",
    "noun": """
        crown heart sword letter ghost tempest brother garden honour candle
        throne raven harvest goblet winter daughter battle mirror""",
    "verb": """
        love fear follow mourn forgive remember banish deceive honour seek
        betray crown praise pardon""",
    "adjective": """
        gentle bitter noble false weary golden silent faithful wretched merry
        ancient cruel tender bloody""",
}
_LISTS = ("noun", "verb", "adjective")
Words = dict[str, list[str]]


def write(
    directory: Path,
    seed: int = 1,
    roles: int = 32,
    samples: int = 500,
    stride: int = 7,
    per_file: int = 2,
) -> None:
    """Write the folders ``train`` and ``test`` in LEAF's JSON format.

    Each role uses only some of the words, so that texts differ between users.

    Parameters
    ----------
    directory : Path
        The parent of the folders for ``train_dir`` and ``test_dir``.
    seed : int, default 1
        Decides every byte.
    roles : int, default 32
        At most 64.
    samples : int, default 500
        Samples per role; a fifth of them is for testing, taken from a separate text.
    stride : int, default 7
        Characters between the starts of consecutive samples.
    per_file : int, default 2
        Roles per file.

    Raises
    ------
    DataError
        If a folder exists and was not generated.
    """
    rng = np.random.default_rng(seed)
    names = [f"{play}_{role}" for role in ROLES.split() for play in PLAYS][:roles]
    first: dict[str, Samples] = {}
    rest: dict[str, Samples] = {}
    for name in sorted(names):
        words = _words(rng)
        tests = round(TEST_SHARE * samples)
        first[name] = _windows(rng, words, samples - tests, stride)
        rest[name] = _windows(rng, words, tests, stride)
    with folders(directory, ["train", "test"], seed) as (train, test):
        write_users(train, first, per_file)
        write_users(test, rest, per_file)


def _words(rng: np.random.Generator) -> Words:
    """Return the lines of the grammar that a role uses."""
    lines = {name: text.strip().split("\n") for name, text in GRAMMAR.items()}
    words = {name: [each.strip() for each in found] for name, found in lines.items()}
    for name in _LISTS:
        words[name] = rng.choice(GRAMMAR[name].split(), OWN, replace=False).tolist()
    return words


def _windows(
    rng: np.random.Generator, words: Words, count: int, stride: int
) -> Samples:
    text = ""
    while len(text) <= WINDOW + stride * count:
        sentence = _said(rng, words, "{sentence} ")
        text += sentence[0].upper() + sentence[1:]
    starts = range(0, stride * count, stride)
    x = [text[start : start + WINDOW] for start in starts]
    return x, [text[start + WINDOW] for start in starts]


def _said(rng: np.random.Generator, words: Words, text: str) -> str:
    """Replace the names in braces, recursively."""

    def chosen(name: re.Match[str]) -> str:
        lines = words[name[1]]
        return _said(rng, words, lines[rng.integers(len(lines))])

    return re.sub(r"{(\w+)}", chosen, text)
