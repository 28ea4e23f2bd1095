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
from collections.abc import Iterable


class DecentralizepyError(Exception):
    """The root of the tree; ``exit_status`` is what a launcher ends with."""

    exit_status = 1


class ConfigError(DecentralizepyError, ValueError):
    """What a user wrote cannot be run; the message says where and what to write."""

    exit_status = 2


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
    """A node process that died or raised; names uid, rank, machine and the cause."""


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
