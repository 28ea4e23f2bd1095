"""Two small convolutional networks for square images of any size and ten classes."""

import torch
from torch import nn

from decentralizepy.models.Model import Model


class CNN(Model):
    """LeNet-5 with ReLU and max pooling (LeCun et al., 1998, figure 2).

    Parameters
    ----------
    channels : int, default 3
    side : int, default 32
        Pixels of an image in each direction. The default is CIFAR-10's: 62,006
        parameters.
    """

    def __init__(self, channels: int = 3, side: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        left = ((side - 4) // 2 - 4) // 2
        self.fc1 = nn.Linear(16 * left**2, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) for images (batch, channels, side, side)."""
        # pooling first, so that relu sees a quarter of the numbers, with the same result
        x = self.pool(self.conv1(x)).relu()
        x = self.pool(self.conv2(x)).relu()
        x = self.fc1(x.flatten(1)).relu()
        x = self.fc2(x).relu()
        logits: torch.Tensor = self.fc3(x)
        return logits


class LeNet(Model):
    """Three convolutions with group normalization (Hsieh et al., arXiv:1910.00189).

    Parameters
    ----------
    channels : int, default 3
    side : int, default 32
        Pixels of an image in each direction. The default is CIFAR-10's: 89,834
        parameters.
    """

    def __init__(self, channels: int = 3, side: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 32, 5, padding=2)
        self.gn1 = nn.GroupNorm(2, 32)
        self.conv2 = nn.Conv2d(32, 32, 5, padding=2)
        self.gn2 = nn.GroupNorm(2, 32)
        self.conv3 = nn.Conv2d(32, 64, 5, padding=2)
        self.gn3 = nn.GroupNorm(2, 64)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(64 * (side // 8) ** 2, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) for images (batch, channels, side, side)."""
        x = self.pool(self.gn1(self.conv1(x))).relu()
        x = self.pool(self.gn2(self.conv2(x))).relu()
        x = self.pool(self.gn3(self.conv3(x))).relu()
        logits: torch.Tensor = self.fc1(x.flatten(1))
        return logits
