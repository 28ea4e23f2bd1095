"""Socket identities: a uid followed by a token that only the peer knows."""

import secrets

SERVICES = 16  # their uids are -1, -2 ...


class Names:
    """The names of connections, ``<uid>.<token>.<number>``.

    Who came first under a uid, with a message that could be taken, has told a token that
    nobody else can know; all its later connections begin with it. Others under that uid
    are strangers, and are not answered.

    Parameters
    ----------
    me, n_procs : int
        This node's uid, and how many nodes there are.
    """

    def __init__(self, me: int, n_procs: int) -> None:
        self.me, self.n_procs = me, n_procs
        self._uids: dict[bytes, int] = {}
        self._tokens: dict[int, bytes] = {}

    def new(self, token: str = "") -> bytes:
        """Return a name for a connection of this node's, whose ends have none in common."""
        return f"{self.me}.{token}.{secrets.token_hex(8)}".encode()

    def known(self, name: bytes) -> bool:
        """Return whether a message was taken from this connection before."""
        return name in self._uids

    def uid(self, name: bytes) -> int | None:
        """Return whose connection it is, or may be; None if it is a stranger's."""
        uid = self._uids.get(name)
        if uid is None and (uid := self._claimed(name)) is not None:
            token = self._tokens.get(uid)
            return uid if token in (None, _token(name)) else None
        return uid

    def accept(self, uid: int, name: bytes) -> None:
        """Take a connection for the peer's; an earlier one of it is known no more."""
        self.forget(uid)
        self._tokens[uid], self._uids[name] = _token(name), uid

    def forget(self, uid: int) -> None:
        """Let another process come under ``uid``."""
        self._tokens.pop(uid, None)
        for name in [name for name, other in self._uids.items() if other == uid]:
            del self._uids[name]

    def _claimed(self, name: bytes) -> int | None:
        """Return the uid that ``name`` begins with, if the network may have it."""
        spelt = name.partition(b".")[0]
        try:
            uid = int(spelt)
        except ValueError:
            return None
        known = -SERVICES <= uid < self.n_procs
        return uid if known and str(uid).encode() == spelt else None


def _token(name: bytes) -> bytes:
    return name.partition(b".")[2].partition(b".")[0]
