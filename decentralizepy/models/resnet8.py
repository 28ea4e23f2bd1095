"""A residual network of eight layers for CIFAR-10."""

from collections.abc import Callable
from typing import Any

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

    Attributes
    ----------
    inner : torch.Tensor
        Output of the last block, (batch, 512, 8, 8), of the last forward pass.
    flatten_feat : torch.Tensor
        The same after pooling, (batch, 2048): the input of ``linear1``.
    """

    inner: torch.Tensor
    flatten_feat: torch.Tensor

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
        self.inner = self.layer3(self.layer2(self.layer1(x)))
        self.flatten_feat = self.pool(self.inner).flatten(1)
        logits: torch.Tensor = self.linear1(self.flatten_feat)
        return logits

    def get_attentions(self) -> torch.Tensor:
        """Return Grad-CAM's maps of the last forward pass: (batch, num_classes, 8, 8).

        The map of a class is the sum of the channels of ``inner``, each weighted by the
        mean gradient of the class's logit, without negative values (Selvaraju et al.,
        Grad-CAM, ICCV 2017).
        """
        # a logit is linear in the 2 x 2 means of 4 x 4 pixels
        gradients = self.linear1.weight.reshape(self.num_classes, -1, 4).mean(2) / 16
        maps = torch.einsum("kc,nchw->nkhw", gradients, self.inner)
        return maps.relu().detach()

    def __getstate__(self) -> dict[str, Any]:
        # tensors with a graph can be neither copied nor pickled
        passing = {"inner", "flatten_feat"}
        return {
            name: value for name, value in vars(self).items() if name not in passing
        }
