"""One node that stands for many, whose rounds are run at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from decentralizepy.config.overrides import own_method
from decentralizepy.config.run_section import RunSection
from decentralizepy.errors import AtNode
from decentralizepy.sharing.many import obstacle

Measured = dict[str, list[Any]]


class Example:
    """A node with all its parts but a network, which can take the place of any other.

    Parameters
    ----------
    node_class, base : type
        The class of the nodes, and that which states its round for many.
    args : sequence
        Of one of the nodes.

    Attributes
    ----------
    obstacle : str
        Why the rounds of such nodes cannot be run at once; "" if they can.
    node : LiveNode
        Only if there is no obstacle in its class.
    """

    node: Any

    def __init__(self, node_class: Any, base: type, args: Sequence[Any]) -> None:
        self.obstacle = _in_arguments(node_class, base, args)
        if not self.obstacle:
            self.node = _built(node_class, args)
            self.obstacle = _in_parts(self.node)

    @property
    def tests(self) -> bool:
        """Whether there is a test set."""
        return bool(self.node.dataset.__testing__)

    @property
    def row(self) -> torch.Tensor:
        """The model, of shape (N,)."""
        vector: torch.Tensor = self.node.sharing.flat.vector()
        return vector

    def become(self, uid: int, model: torch.Tensor) -> Any:
        """Return the node after it has taken the place of another."""
        node = self.node
        node.uid = node.rank = node.dataset.uid = node.dataset.rank = uid
        node.dataset.trainset.index = node.dataset.parts[uid]
        with torch.no_grad():
            self.row.copy_(model)
        return node

    def evaluate(
        self, uids: Sequence[int], models: torch.Tensor, train: bool, test: bool
    ) -> Measured:
        """Return what is due, with a value for each of ``uids``, by name.

        Raises
        ------
        AtNode
            If the user's code fails for one of them.
        """
        found: Measured = {}
        for uid, model in zip(uids, models, strict=True):
            node = self.become(uid, model)
            try:
                measured = node.evaluate_train() if train else {}
                measured |= node.evaluate() if test else {}
            except Exception as error:
                raise AtNode(uid) from error
            for name, value in measured.items():
                found.setdefault(name, []).append(value)
        return found


def _built(node_class: Any, args: Sequence[Any]) -> Any:
    """Return a node with its parts, which has neither a log nor greeted anybody."""
    place, (iterations, log_dir, weights_dir, _, *rest) = args[:5], args[5:]
    *where, config = place
    node: Any = node_class.__new__(node_class)
    node.cache_fields(*where, iterations, log_dir, weights_dir, *rest[:3])
    node.init_limits(config.get("FAULTS", {}))
    node.init_parts(config)
    return node


def _in_arguments(node_class: Any, base: type, args: Sequence[Any]) -> str:
    """Return what in a node's class and arguments stands in the way."""
    if own := own_method(node_class, base):
        return f"{node_class.__name__} overrides {own}"
    if len(args) > 12:
        return "there is a service"
    mapping = args[2]
    if any(mapping.get_uid(uid, 0) != uid for uid in range(mapping.get_n_procs())):
        return "the mapping gives nodes other uids than their ranks"
    return _in_sections(args[4])


def _in_sections(config: Mapping[str, Any]) -> str:
    """Return what only single nodes do, and an INI file or a flag asks for."""
    run, faults = RunSection.of(config.get("RUN", {})), config.get("FAULTS", {})
    asked = {
        "checkpoints are those of single nodes": run.checkpoint_every
        or run.first_round,
        "--target_accuracy is set": run.target_accuracy,
        "there is a section NETWORK": config.get("NETWORK"),
        "there is a section LR_SCHEDULER": config.get("LR_SCHEDULER"),
        "there is a section ATTACK": config.get("ATTACK"),
        "there is a section OBSERVER": config.get("OBSERVER"),
        "there is a section CHURN": config.get("CHURN"),
        "[FAULTS] on_peer_loss = drop": faults.get("on_peer_loss") == "drop",
        "[FAULTS] nonfinite = drop": faults.get("nonfinite") == "drop",
    }
    return next((cause for cause, is_asked in asked.items() if is_asked), "")


def _in_parts(node: Any) -> str:
    """Return what in a node's parts stands in the way."""
    if cause := obstacle(node.sharing):
        return cause
    for part in (node.trainer, node.dataset):
        refuses: Callable[..., str] | None = getattr(part, "not_at_once", None)
        if refuses is None:
            return f"{type(part).__name__} has no not_at_once"
        if cause := refuses(node.sharing.flat):
            return cause
    return ""
