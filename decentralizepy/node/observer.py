"""Records what a node receives, for an analysis of what it could learn of its neighbors."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decentralizepy.message import Message
from decentralizepy.results.observed import Observation
from decentralizepy.sharing.decoded import MODEL, decode

logger = logging.getLogger(__name__)


class Observer:
    """The part of a node that stores what the node receives.

    It decodes messages a second time, before they are averaged, and changes nothing.

    Parameters
    ----------
    uid : int
    log_dir : str or Path
        Where the files of ``decentralizepy.results.observed`` go.
    every : int, default 1
        Record every n-th round, from the first.
    """

    def __init__(self, uid: int, log_dir: str | Path, every: int = 1) -> None:
        self.uid, self.log_dir, self.every = uid, log_dir, every

    def note(self, number: int, sharing: Any, messages: Mapping[int, Message]) -> None:
        """Store the messages of round ``number``, from 1, by sender."""
        if (number - 1) % self.every:
            return
        found = {uid: decode(sharing, uid, messages[uid]) for uid in sorted(messages)}
        Observation(
            self.uid,
            number,
            sharing.flat.vector().detach().numpy().copy(),
            {uid: each.vector for uid, each in found.items()},
            {uid: each.sent for uid, each in found.items() if each.sent is not None},
            next((each.kind for each in found.values()), MODEL),
        ).write(self.log_dir)
        logger.debug("round %d: recorded messages of %s", number, sorted(found))
