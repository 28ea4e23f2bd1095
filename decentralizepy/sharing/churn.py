"""What a sharing class has to know if nodes go down or messages are lost (section CHURN)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from decentralizepy.checkpoints import Stateful

NODES, MESSAGES = "nodes", "messages"
"""What a class may have to do without."""

ANYTHING: Mapping[str, str] = MappingProxyType({})


class UnderChurn(Stateful):
    """Says under which churn an algorithm runs.

    Attributes
    ----------
    missed : int
        How many models of this round were lost. They count as peers, and their weights go
        to the node's own model.
    undelivered : int
        How many receivers do not get this round's model.
    """

    needs: ClassVar[Mapping[str, str]] = ANYTHING
    """Why the class needs all ``nodes`` in every round, or all ``messages``."""

    derived: tuple[str, ...] = ("missed", "undelivered")

    missed = 0
    undelivered = 0
