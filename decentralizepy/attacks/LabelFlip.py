"""Training on wrong labels."""

from typing import Any

import torch

from decentralizepy.attacks.Attack import Attack, Pair, success_rate


class LabelFlip(Attack):
    """Train on label ``C - 1 - y`` instead of y, of C classes, and send that model.

    Fung, Yoon and Beschastnikh, The Limitations of Federated Learning in Sybil Settings,
    RAID 2020. The data set is left as it is: the loss of training reads other labels.
    Success is the percentage of test samples that are classified as ``C - 1 - y``.
    """

    def check(self, dataset: Any) -> None:
        if not getattr(dataset, "num_classes", None):
            cause = f"{type(dataset).__name__} has no num_classes"
            raise self.misfit(cause, "attack_class", type(self).__name__)

    def corrupt(self, trainer: Any, dataset: Any) -> None:
        trainer.loss = Flipped(trainer.loss, dataset.num_classes)

    def success(self, model: torch.nn.Module, dataset: Any) -> float | None:
        def aim(data: torch.Tensor, labels: torch.Tensor) -> Pair:
            wanted = dataset.num_classes - 1 - labels
            moved = wanted != labels  # but the middle one of an odd number
            return data[moved], wanted[moved]

        return success_rate(model, dataset.get_testset(), aim)


class Flipped:
    """A loss that reads label ``classes - 1 - y`` instead of y."""

    def __init__(self, loss: Any, classes: int) -> None:
        self.loss, self.classes = loss, classes

    def __call__(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = self.loss(output, self.classes - 1 - target)
        return loss
