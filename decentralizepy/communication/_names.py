"""Socket identities, each with a uid and a token that only the peer knows."""

import secrets
from collections.abc import Callable
from hmac import compare_digest

SERVICES = 16  # at most, with uids -1, -2 ...
TOKEN = 32  # characters; a proof may follow


class Names:
    """The names of connections, ``<uid>.<token>.<number>``.

    The first valid message under a uid reveals a token that nobody else can know, and
    later connections of the same process carry the same token. Anyone else who claims
    that uid is a stranger and gets no answer. If the nodes share a secret, the token contains
    a proof of it, so that a stranger who comes before the peer is not taken for it.

    Parameters
    ----------
    me, n_procs : int
        This node's uid, and the number of nodes.
    prove : callable
        Returns the proof for a sender, a receiver and a token; empty without a secret.
    """

    def __init__(
        self, me: int, n_procs: int, prove: Callable[[int, int, bytes], bytes]
    ) -> None:
        self.me, self.n_procs, self._prove = me, n_procs, prove
        self._uids: dict[bytes, int] = {}
        self._tokens: dict[int, bytes] = {}

    def new(self, token: str = "", peer: int | None = None) -> bytes:
        """Return a unique name for a connection of this node, such as one to ``peer``."""
        proven = token.encode()
        if peer is not None:
            proven += self._prove(self.me, peer, proven)
        return b"%d.%s.%s" % (self.me, proven, secrets.token_hex(8).encode())

    def known(self, name: bytes) -> bool:
        """Return whether a valid message arrived on this connection before."""
        return name in self._uids

    def uid(self, name: bytes) -> int | None:
        """Return the uid that a connection belongs to, or may; None for a stranger's."""
        uid = self._uids.get(name)
        if uid is None and (uid := self._claimed(name)) is not None:
            token, claimed = self._tokens.get(uid), _token(name)
            if token is None:
                proof = self._prove(uid, self.me, claimed[:TOKEN])
                return uid if compare_digest(proof, claimed[TOKEN:]) else None
            return uid if token == claimed else None
        return uid

    def accept(self, uid: int, name: bytes) -> None:
        """Assign a connection to a peer, replacing its earlier one."""
        self.forget(uid)
        self._tokens[uid], self._uids[name] = _token(name), uid

    def forget(self, uid: int) -> None:
        """Allow another process to connect under ``uid``."""
        self._tokens.pop(uid, None)
        for name in [name for name, other in self._uids.items() if other == uid]:
            del self._uids[name]

    def _claimed(self, name: bytes) -> int | None:
        """Return the uid that ``name`` begins with, if the network can have it."""
        spelt = name.partition(b".")[0]
        try:
            uid = int(spelt)
        except ValueError:
            return None
        known = -SERVICES <= uid < self.n_procs
        return uid if known and str(uid).encode() == spelt else None


def _token(name: bytes) -> bytes:
    return name.partition(b".")[2].partition(b".")[0]
