"""Models, losses and trainers that nodes can train together, and others that they cannot."""

import torch

from decentralizepy.datasets.Digits import Digits
from decentralizepy.models.Model import Model
from decentralizepy.sharing.Sharing import Sharing
from decentralizepy.training.Training import Training
from tests.support.debugged import Dropping
from tests.support.toy import Counting, Linear, Points, Uneven

__all__ = ["Counting", "Digits", "Dropping", "Linear", "Points", "Uneven"]


class Softmax(Model):
    """Softmax regression on 8x8 images, which is convex."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(x.flatten(1))


class Normed(Linear):
    """The toy's model, with BatchNorm."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(4)

    def forward(self, x):
        return super().forward(self.norm(x))


class Scattering(Linear):
    """The toy's model, with dropout as a module."""

    def __init__(self):
        super().__init__()
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x):
        return super().forward(self.drop(x))


class Steady(Training):
    """Takes its steps by itself, as a user's class does."""

    def trainstep(self, data, target=None):
        return super().trainstep(data, target)


class Pulling(Sharing):
    """Averages by itself, as a user's class does."""

    def pull(self, total, own, message, weight):
        super().pull(total, own, message, weight)


class Lone:
    """Stands for an engine: does the work of each node alone, keeps what it was told."""

    def __init__(self):
        self.told = []

    def do(self, work):
        self.tell(work.name, work.obstacle)
        return work.alone()

    def tell(self, name, obstacle):
        self.told.append((name, obstacle))


class Doubtful(torch.nn.CrossEntropyLoss):
    """Looks at the value of the loss, which ``vmap`` does not allow."""

    def forward(self, output, target):
        loss = super().forward(output, target)
        return loss if loss < 1e9 else loss * 2


class Broken(torch.nn.CrossEntropyLoss):
    """Fails for a batch whose first sample is of class 1."""

    def forward(self, output, target):
        if target[0] == 1:
            raise ArithmeticError("class 1")
        return super().forward(output, target)
