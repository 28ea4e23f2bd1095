"""Network for CelebA: 84x84 color images, smiling or not."""

import torch
from torch import nn

from decentralizepy.models.Model import Model


class CNN(Model):
    """Four convolutions of 32 channels and one linear layer: 30,242 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.conv4 = nn.Conv2d(32, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(5 * 5 * 32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 2) for images (batch, 3, 84, 84)."""
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = self.pool(conv(x)).relu()
        logits: torch.Tensor = self.fc1(x.flatten(1))
        return logits
