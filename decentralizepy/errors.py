"""Every error that decentralizepy raises on purpose.

::

    DecentralizepyError
    ├── ConfigError            an INI file, a flag, or a class that they name
    │   ├── GraphError         a graph file, or a graph that cannot be made
    │   ├── AddressError       the address file, or a port
    │   └── DataError          a data set: missing, damaged, too small
    ├── MessageError           bytes from the network that are no message
    ├── PeerError              a peer that did not do what it must
    │   ├── PeerTimeout        a wait for peers that reached its limit
    │   └── PeerLost           a peer that nobody can reach any more
    └── NodeFailed             a node process that ended badly
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SHOWN = 80  # characters of a value


class Absent:
    """Stands for no value, since a user may write any other, ``none`` included."""


class DecentralizepyError(Exception):
    """The root of the tree; ``exit_status`` is what a launcher ends with."""

    exit_status = 1


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what a user wrote; as text, one line.

    Attributes
    ----------
    cause : str
        What is wrong, without the place and what follows.
    file : str
    line : int
        From 1; 0 if no line is known.
    section : str
        Without brackets.
    key : str
        A key of the section, or a flag as on the command line.
    value : object
        What was found there, ``Absent`` if nothing.
    expected : str
        What should be there.
    suggestion : str
        The nearest valid name.
    """

    cause: str = ""
    file: str = ""
    line: int = 0
    section: str = ""
    key: str = ""
    value: Any = Absent
    expected: str = ""
    suggestion: str = ""

    def __str__(self) -> str:
        place = f", line {self.line}" if self.line else ""
        named = self.key or self.value is not Absent
        where = [self.file + place] if self.file or self.line else []
        where += [self._entry()] if named else []
        told = [self.cause, self.expected and f"expected {self.expected}"]
        told += [f"did you mean {self.suggestion}?"] if self.suggestion else []
        what = "; ".join(filter(None, told))
        if self.section and not named:
            what = f"section [{self.section}] {what}"
        return ": ".join([*where, what] if what else where)

    def _entry(self) -> str:
        """Return the section, key and value, as the user wrote them."""
        value = [] if self.value is Absent else [shown(self.value)]
        joint = " " if self.key.startswith("-") else " = "
        entry = joint.join([self.key, *value] if self.key else value)
        return f"[{self.section}] {entry}" if self.section else entry

    def within(self, **place: Any) -> "Problem":
        """Return the problem with what it does not name itself of its place.

        A problem of another file keeps its place, and a key its value, even if absent.
        """
        if self.file:
            return self
        if self.key or self.section:
            section = self.section or place.get("section", "")
            return replace(self, file=place.get("file", ""), section=section)
        if self.value is not Absent:
            place = {**place, "value": self.value}
        return replace(self, **place)


def shown(value: Any) -> str:
    """Return a value on one line, as an INI file spells it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def one_line(error: Exception) -> str:
    """Return the text of an error, of any library, without its line breaks."""
    return " ".join(str(error).split())


class ConfigError(DecentralizepyError, ValueError):
    """What a user wrote cannot be run; the message says where and what to write.

    Parameters
    ----------
    cause : str
        What is wrong.
    problems : iterable of Problem, optional
        Several problems at once, one per line, instead of ``cause`` and ``place``.
    place
        The other fields of a :class:`Problem`, such as ``section`` and ``key``.

    Attributes
    ----------
    problems : tuple of Problem
    """

    exit_status = 2
    problems: tuple[Problem, ...]

    def __init__(
        self, cause: str = "", *, problems: Iterable[Problem] = (), **place: Any
    ) -> None:
        super().__init__()
        self._take(tuple(problems) or (Problem(cause, **place),))

    def locate(self, **place: Any) -> None:
        """Fill in the place of each problem, as far as it does not name its own."""
        self._take(tuple(each.within(**place) for each in self.problems))

    def _take(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        self.args = ("\n".join(map(str, problems)),)


@contextmanager
def located(**place: Any) -> Iterator[None]:
    """Name the place, such as ``section``, of each ConfigError that is raised inside."""
    try:
        yield
    except ConfigError as error:
        error.locate(**place)
        raise


class GraphError(ConfigError):
    """A graph that cannot be read or made."""


class AddressError(ConfigError):
    """An address file without a machine, a name that does not resolve, a port in use."""


class DataError(ConfigError):
    """A data set that is not there, is damaged, or is too small for its nodes."""


class MessageError(DecentralizepyError, ValueError):
    """Bytes that do not decode to a message."""


class PeerError(DecentralizepyError):
    """A peer that did something that the protocol does not allow."""

    exit_status = 3


class PeerTimeout(PeerError, TimeoutError):
    """A wait that reached its limit; the message names who, what and since when."""


class PeerLost(PeerError, ConnectionError):
    """Peers, ``uids``, whose process has ended or whose machine cannot be reached."""

    def __init__(self, uids: set[int], meanwhile: str) -> None:
        names = ", ".join(map(str, sorted(uids)))
        super().__init__(
            f"lost uid {names}: nobody answers at the address any more; {meanwhile}"
        )
        self.uids = uids


class NodeFailed(DecentralizepyError):
    """A node process that died or raised: ``cause`` in one line, and its ``log``'s end.

    ``report`` is shown in place of both: the traceback of a bug in a plug-in.
    """

    def __init__(
        self, cause: str, log: Path | None = None, tail: str = "", report: str = ""
    ) -> None:
        end = f"{cause}; its log, {log}, ends:\n{tail}" if log else cause
        super().__init__(report or end)
        self.cause = cause


def nearest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the name that is most like ``word``, ``None`` if none is like it.

    Upper and lower case count as equal; ``cutoff`` is the least likeness, 0 to 1, as in
    ``difflib.get_close_matches``.
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
