"""Small networks for 8x8 grayscale images."""

import torch
from torch import nn

from decentralizepy.models.Model import Model


class CNN(Model):
    """Two convolutions and two linear layers: 13,706 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) for images (batch, 1, 8, 8)."""
        x = self.pool(self.conv1(x)).relu()
        x = self.pool(self.conv2(x)).relu()
        x = self.fc1(x.flatten(1)).relu()
        logits: torch.Tensor = self.fc2(x)
        return logits


class MLP(Model):
    """One hidden layer of 64 units: 4,810 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(8 * 8, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) for images (batch, 1, 8, 8)."""
        logits: torch.Tensor = self.fc2(self.fc1(x.flatten(1)).relu())
        return logits
