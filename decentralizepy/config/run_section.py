"""Section RUN as nodes get it: what a user wrote, and what the run itself knows."""

from collections.abc import Iterable, Mapping
from typing import Any


class RunSection(dict[str, Any]):
    """The keys of section RUN, and beside them what no user writes.

    Parameters
    ----------
    section : mapping
        What the INI file says.
    first_round : int, default 0
        How many rounds are done already: nodes start from that checkpoint.
    checkpoint_every : int, default 0
        Rounds between two checkpoints; 0: none are written.
    fingerprint : mapping, optional
        Digests of what all machines must have in common, by name.
    rounds : iterable of int, default ()
        Instead of ``first_round``, where machines are to agree on it: all rounds of
        which this machine has checkpoints.
    """

    def __init__(
        self,
        section: Mapping[str, Any],
        first_round: int = 0,
        checkpoint_every: int = 0,
        fingerprint: Mapping[str, int | None] | None = None,
        rounds: Iterable[int] = (),
    ) -> None:
        super().__init__(section)
        self.first_round, self.checkpoint_every = first_round, checkpoint_every
        self.fingerprint = dict(fingerprint or {})
        self.rounds = list(rounds)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "RunSection":
        """Return the run's section itself, or a plain one, of a driver, as such.

        A plain section starts from the beginning.
        """
        if isinstance(section, cls):
            return section
        return cls(section, checkpoint_every=int(section.get("checkpoint_every") or 0))
