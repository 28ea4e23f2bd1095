"""Breaks when a list of numbers is misread, or its text can do more than arithmetic."""

import pytest

from decentralizepy.config.numbers import evaluate


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("-3", -3),
        ("[1/16]*16", [0.0625] * 16),
        ("16*[1/16]", [0.0625] * 16),
        ("[0.5] + [1/4]*2", [0.5, 0.25, 0.25]),
        ("[[1/4]*4, [(1 - 0.5)*1, 1/2]]", [[0.25] * 4, [0.5, 0.5]]),
        ("(0.9, 0.99)", (0.9, 0.99)),
        (" ( .9,0.99 ) ", (0.9, 0.99)),
        ("0.9, 0.99", (0.9, 0.99)),
        ("[0.9,.99]", [0.9, 0.99]),
        ("[1e-3, 1_000]", [0.001, 1000]),
        ("[1,\n 2]", [1, 2]),
        ("[]", []),
        ("1000 * 1000", 1_000_000),
    ],
)
def test_numbers_and_lists_are_read(text, value):
    result = evaluate(text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "len([1])",
        "[x for x in (1, 2)]",
        "__import__('os')",
        "'a'*3",
        "[True]",
        "2**99",
        "7//2",
        "1/0",
        "[1]*2.5",
        "[1] - [1]",
        "-[1]",
        "[1",
        "1j",
        "[1]*100_001",
        "[[1]*1000]*1000",
        "[1]*60_000 + [1]*60_000",
        "9" * 200_000,
        "(" * 5_000,
        "-" * 50_000 + "1",
    ],
    ids=lambda text: text[:20],
)
def test_nothing_else_is_read(text):
    with pytest.raises(ValueError, match="not numbers, nor a list of numbers"):
        evaluate(text)
