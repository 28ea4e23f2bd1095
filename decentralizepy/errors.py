"""All exceptions that decentralizepy raises on purpose.

.. code-block:: text

    DecentralizepyError
    ├── ConfigError            an INI file, a flag, or a class that they name
    │   ├── GraphError         a graph file, or a graph that cannot be built
    │   ├── AddressError       the address file, or a port
    │   └── DataError          a data set: missing, damaged, too small
    ├── MessageError           bytes from the network that are not a valid message
    ├── PeerError              a peer that violated the protocol
    │   ├── PeerTimeout        a wait for peers that timed out
    │   └── PeerLost           a peer that can no longer be reached
    └── NodeFailed             a node process that failed
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_SHOWN = 200  # characters of a value: enough for a path
_FOREIGN = 500  # characters of what another machine says


class Absent:
    """Stands for no value, since a user may write any other, including ``none``."""


class DecentralizepyError(Exception):
    """The base class of all of them; ``exit_status`` is the launcher's exit status."""

    exit_status = 1


@dataclass(frozen=True)
class Problem:
    """One mistake in what a user wrote; as text, one line.

    Attributes
    ----------
    cause : str
        What is wrong, without the location, expectation and suggestion.
    file : str
    line : int
        From 1; 0 if unknown.
    section : str
        Without brackets.
    key : str
        A key of the section, or a flag as written on the command line.
    value : object
        What was found there, or ``Absent``.
    expected : str
        What should be there.
    suggestion : str
        The closest valid name.
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
        """Return the problem, with ``place`` filled in where it has no location yet.

        A problem that names a file is unchanged, and one with a key keeps its value.
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
    """Return a value on one line, as written in an INI file."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    text = str(value).replace("\n", "\\n")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def printable(text: str) -> str:
    """Return what another machine says such that it cannot garble a terminal or a log."""
    return "".join(c if c.isprintable() else " " for c in text)[:_FOREIGN]


def one_line(error: Exception) -> str:
    """Return the message of any exception without line breaks."""
    return " ".join(str(error).split())


def first_line(error: BaseException) -> str:
    """Return the first line of the message of any exception, or its class if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


class ConfigError(DecentralizepyError, ValueError):
    """A mistake by the user; the message says where it is and what to write instead.

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
        """Fill in the location of each problem that does not have its own."""
        self._take(tuple(each.within(**place) for each in self.problems))

    def _take(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        self.args = ("\n".join(map(str, problems)),)


@contextmanager
def located(**place: Any) -> Iterator[None]:
    """Add a location, such as ``section``, to each ConfigError that is raised inside."""
    try:
        yield
    except ConfigError as error:
        error.locate(**place)
        raise


@contextmanager
def of_ini(path: Any) -> Iterator[None]:
    """Add the INI file to each ConfigError, raised inside, that names a section."""
    try:
        yield
    except ConfigError as error:
        error._take(
            tuple(
                each.within(file=str(path)) if each.section else each
                for each in error.problems
            )
        )
        raise


class GraphError(ConfigError):
    """A graph that cannot be read or built."""


class AddressError(ConfigError):
    """A missing machine in the address file, an unresolvable name, or a port in use."""


class DataError(ConfigError):
    """A data set that is missing, damaged, or too small for its nodes."""


class MessageError(DecentralizepyError, ValueError):
    """Bytes that do not decode to a message."""


class PeerError(DecentralizepyError):
    """A peer that violated the protocol."""

    exit_status = 3


class PeerTimeout(PeerError, TimeoutError):
    """A wait that timed out; the message names the peers, the channel and the time."""


class PeerLost(PeerError, ConnectionError):
    """Peers, ``uids``, whose process has ended or whose machine cannot be reached."""

    def __init__(self, uids: set[int], meanwhile: str) -> None:
        names = ", ".join(map(str, sorted(uids)))
        super().__init__(
            f"lost uid {names}: nobody answers at the address any more; {meanwhile}"
        )
        self.uids = uids


class AtNode(DecentralizepyError):
    """Whose error, its cause, it is where the nodes of a process are run as one."""

    def __init__(self, uid: int) -> None:
        super().__init__(f"uid {uid} failed")
        self.uid = uid


class NodeFailed(DecentralizepyError):
    """A node process that died or raised: ``cause`` in one line, and the end of its log.

    ``report``, the traceback of a bug in a plug-in, is shown instead if there is one.
    """

    def __init__(
        self, cause: str, log: Path | None = None, tail: str = "", report: str = ""
    ) -> None:
        end = f"{cause}; its log, {log}, ends:\n{tail}" if log else cause
        super().__init__(report or end)
        self.cause, self.is_whole = cause, bool(report or log)


def nearest(word: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the name closest to ``word``, or ``None`` if none is close.

    Case is ignored; ``cutoff`` is the minimum similarity, 0 to 1, as in
    ``difflib.get_close_matches``.
    """
    written = {name.casefold(): name for name in names}
    found = difflib.get_close_matches(word.casefold(), written, n=1, cutoff=cutoff)
    return written[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str], form: str = "{}") -> str:
    """Return ``"; did you mean <name>?"``, or ``""`` if no name is close.

    ``form`` is how to show the name, such as ``"[{}]"`` for a section.
    """
    name = nearest(word, names)
    return f"; did you mean {form.format(name)}?" if name else ""
