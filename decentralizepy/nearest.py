"""The name that a misspelt word most likely stands for."""

import difflib
from collections.abc import Iterable


def nearest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the name that is most like ``word``, ``None`` if none is like it.

    Upper and lower case count as equal; ``cutoff`` is the least likeness, 0 to 1, as in
    :func:`difflib.get_close_matches`.
    """
    written = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold(), written, n=1, cutoff=cutoff)
    return written[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str], form: str = "{}") -> str:
    """Return ``"; did you mean <name>?"``, or ``""`` if no name is near.

    ``form`` says how the name is shown, such as ``"[{}]"`` for a section.
    """
    name = nearest(word, names)
    return f"; did you mean {form.format(name)}?" if name else ""
