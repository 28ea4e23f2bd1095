"""Training on wrong labels."""

from typing import Any

import torch

from decentralizepy.attacks.Attack import Attack
from decentralizepy.errors import ConfigError


class LabelFlip(Attack):
    """Train on label ``C - 1 - y`` instead of y, of C classes, and send that model.

    Fung, Yoon and Beschastnikh, The Limitations of Federated Learning in Sybil Settings,
    RAID 2020. The data set is left as it is: the loss of training reads other labels.
    """

    def corrupt(self, trainer: Any, dataset: Any) -> None:
        classes = getattr(dataset, "num_classes", None)
        if not classes:
            raise ConfigError(
                f"{type(dataset).__name__} has no num_classes",
                section="ATTACK",
                key="attack_class",
                value=type(self).__name__,
            )
        trainer.loss = Flipped(trainer.loss, classes)


class Flipped:
    """A loss that reads label ``classes - 1 - y`` instead of y."""

    def __init__(self, loss: Any, classes: int) -> None:
        self.loss, self.classes = loss, classes

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.loss(output, self.classes - 1 - target)
        return loss
