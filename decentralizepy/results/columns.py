"""Lines of results for many nodes, in which a list has a value for each of them."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

Row = dict[str, Any]
FILES = 100
"""Up to how many nodes whose rounds are run at once have files of their own."""


def block(ranks: Sequence[int], row: Mapping[str, Any]) -> str:
    """Return a line for several nodes.

    Parameters
    ----------
    ranks : sequence of int
    row : mapping
        Numbers that are the same for all of them, and lists with one for each.
    """
    content = {"ranks": [*ranks], **row}
    try:
        return json.dumps(content, allow_nan=False)
    except ValueError:
        return json.dumps({name: finite(value) for name, value in content.items()})


def finite(value: Any) -> Any:
    """Return None instead of a number that JSON lacks, also in a list."""
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parsed(line: bytes) -> Iterator[tuple[int, Row]]:
    """Yield the rank and the rest of a shared line, for each of its nodes.

    Of a damaged one, yield nothing.
    """
    try:
        row = json.loads(line)
        ranks = row.pop("ranks", None)
        if ranks is None:
            yield int(row.pop("rank")), row
            return
    except (ValueError, TypeError, AttributeError, KeyError):
        return
    columns = {name: row.pop(name) for name in [*row] if isinstance(row[name], list)}
    cells = zip(*columns.values(), strict=True) if columns else repeat(())
    for rank, own in zip(ranks, cells, strict=bool(columns)):
        yield rank, {**row, **dict(zip(columns, own, strict=True))}
