"""Section RUN as passed to nodes: the user's keys, and the state of the run."""

from collections.abc import Iterable, Mapping
from typing import Any

from decentralizepy.config.due import Due


class RunSection(dict[str, Any]):
    """The keys of section RUN, with attributes that users cannot set.

    Parameters
    ----------
    section : mapping
        The section in the INI file.
    first_round : int, default 0
        Number of rounds already done; nodes start from the checkpoint after them.
    checkpoint_every : int, default 0
        Rounds between checkpoints; 0 to write none.
    fingerprint : mapping, optional
        Digests of what must be the same on all machines, by name.
    rounds : iterable of int, optional
        If machines have to agree on ``first_round``: all rounds for which this machine
        has checkpoints.
    evaluate : str or int, default "all"
        The nodes that evaluate: ``all``, ``mean_model`` (none) or how many.
    target_accuracy : float, default 0.0
        The mean test accuracy, in percent, at which the run ends; 0 for none.

    Attributes
    ----------
    due : Due or None
        A round after which a checkpoint is due, besides those of ``checkpoint_every``.
    """

    due: Due | None = None

    def __init__(
        self,
        section: Mapping[str, Any],
        first_round: int = 0,
        checkpoint_every: int = 0,
        fingerprint: Mapping[str, int | None] | None = None,
        rounds: Iterable[int] | None = None,
        evaluate: str | int = "all",
        target_accuracy: float = 0.0,
    ) -> None:
        super().__init__(section)
        self.first_round, self.checkpoint_every = first_round, checkpoint_every
        self.fingerprint = dict(fingerprint or {})
        self.evaluate = evaluate
        self.target_accuracy = target_accuracy
        self.rounds = None if rounds is None else list(rounds)

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> "RunSection":
        """Return ``section`` if it is a RunSection, or convert the dict of a driver.

        A converted section starts from the beginning.
        """
        if isinstance(section, cls):
            return section
        return cls(section, checkpoint_every=int(section.get("checkpoint_every") or 0))
