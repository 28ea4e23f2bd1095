"""A residual network of eight layers for CIFAR-10."""

import torch
from torch import nn

from decentralizepy.models import Resnet
from decentralizepy.models.Model import Model


class BasicBlock(Resnet.BasicBlock):
    """A residual block that makes its own short cut where the shape changes."""

    def __init__(self, in_planes: int, planes: int, stride: int = 1) -> None:
        shortcut = None
        if stride != 1 or in_planes != planes:
            shortcut = nn.Sequential(
                Resnet.conv1x1(in_planes, planes, stride), nn.BatchNorm2d(planes)
            )
        super().__init__(in_planes, planes, stride, shortcut)


class ResNet8(Model):
    """Three residual blocks: 4,932,344 parameters, 4,937,729 with the buffers.

    The layers ``unused_linear`` and ``unused_embedding`` (20,590 parameters) take no
    part in the output. DecentralizePy's network has such layers, and what a model costs
    to send, and every published byte count, includes them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Resnet.conv3x3(3, 128)
        self.bn1 = nn.BatchNorm2d(128)
        self.layer1 = BasicBlock(128, 128)
        self.layer2 = BasicBlock(128, 256, stride=2)
        self.layer3 = BasicBlock(256, 512, stride=2)
        self.pool = nn.AvgPool2d(4)
        self.linear = nn.Linear(512 * 2 * 2, 10)
        self.unused_linear = nn.Linear(512 * 2 * 2, 10)
        self.unused_embedding = nn.Embedding(10, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) for images (batch, 3, 32, 32)."""
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: torch.Tensor = self.linear(self.pool(x).flatten(1))
        return logits
