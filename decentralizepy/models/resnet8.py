"""A residual network of eight layers for CIFAR-10."""

from collections.abc import Callable

import torch
from torch import nn

from decentralizepy.models import Resnet
from decentralizepy.models.Model import Model

Block = Callable[[int, int, int], nn.Module]


class BasicBlock(nn.Module):
    """A residual block that creates its own shortcut if the shape changes.

    Parameters
    ----------
    in_planes, planes : int
        Channels of the input, and of each convolution.
    stride : int, default 1
        Stride of the first convolution.
    """

    def __init__(self, in_planes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = Resnet.conv3x3(in_planes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = Resnet.conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != planes:
            self.shortcut.append(Resnet.conv1x1(in_planes, planes, stride))
            self.shortcut.append(nn.BatchNorm2d(planes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, planes, h / stride, w / stride) for (batch, in_planes, h, w)."""
        residual: torch.Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return torch.relu(residual + self.shortcut(x))


class ResNet8(Model):
    """Three residual blocks: 4,932,344 parameters, 4,937,729 with the buffers.

    The layers ``linear2`` and ``emb`` (20,590 parameters) do not affect the output.
    DecentralizePy's network has them, so they are part of what is sent and of every
    published byte count.

    Parameters
    ----------
    num_classes : int, default 10
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.num_classes, self.in_planes = num_classes, 128
        self.conv1 = Resnet.conv3x3(3, 128)
        self.bn1 = nn.BatchNorm2d(128)
        self.layer1 = self._make_layer(BasicBlock, 128, 1, stride=1)
        self.layer2 = self._make_layer(BasicBlock, 256, 1, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 512, 1, stride=2)
        self.pool = nn.AvgPool2d(4)
        self.linear1 = nn.Linear(512 * 2 * 2, num_classes)
        self.linear2 = nn.Linear(512 * 2 * 2, num_classes)
        self.emb = nn.Embedding(num_classes, num_classes)

    def _make_layer(
        self, block: Block, planes: int, num_blocks: int, stride: int
    ) -> nn.Sequential:
        """Return blocks, the first of which has the stride."""
        layer = nn.Sequential()
        for each in [stride] + [1] * (num_blocks - 1):
            layer.append(block(self.in_planes, planes, each))
            self.in_planes = planes
        return layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, num_classes) for images (batch, 3, 32, 32)."""
        x = self.bn1(self.conv1(x)).relu()
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: torch.Tensor = self.linear1(self.pool(x).flatten(1))
        return logits
