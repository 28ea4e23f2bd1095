"""Networks for FEMNIST: 28x28 grayscale images, 62 classes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from decentralizepy.models import Resnet
from decentralizepy.models.Model import Model

CLASSES = 62


class LogisticRegression(Model):
    """One linear layer: 48,670 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 62) for images (batch, 1, 28, 28)."""
        logits: torch.Tensor = self.fc1(x.flatten(1))
        return logits


class CNN(Model):
    """LEAF's network, two convolutions and two linear layers: 1,690,046 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5, padding=2)
        self.pool = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(32, 64, 5, padding=2)
        self.fc1 = nn.Linear(7 * 7 * 64, 512)
        self.fc2 = nn.Linear(512, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 62) for images (batch, 1, 28, 28)."""
        # pooling first, so that relu sees a quarter of the numbers, with the same result
        x = self.pool(self.conv1(x)).relu()
        x = self.pool(self.conv2(x)).relu()
        x = self.fc1(x.flatten(1)).relu()
        logits: torch.Tensor = self.fc2(x)
        return logits


class RNET(Model):
    """ResNet-18 (arXiv:1512.03385, table 1) of half width: 2,811,678 parameters.

    Including the buffers of the normalization layers, 2,816,498 numbers are sent.

    Parameters
    ----------
    num_classes : int, default 62
    zero_init_residual : bool, default False
        Initialize the weights of each block's last normalization layer to 0, so that the
        block starts as the identity.
    groups, width_per_group : int, default 1 and 32
        Other values are not supported.
    replace_stride_with_dilation : sequence of bool, optional
        Three times False, the default; other values are not supported.
    norm_layer : callable, default ``nn.BatchNorm2d``
        Called with the number of channels.

    Raises
    ------
    ValueError
        If groups, another width or dilation are requested.
    """

    def __init__(
        self,
        num_classes: int = CLASSES,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 32,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Resnet.Norm | None = None,
    ) -> None:
        super().__init__()
        if (groups, width_per_group) != (1, 32) or any(
            replace_stride_with_dilation or ()
        ):
            raise ValueError("RNET does not support groups, other widths or dilation")
        norm = self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 32, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(1, 32, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(32)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(Resnet.BasicBlock, 32, 2)
        self.layer2 = self._make_layer(Resnet.BasicBlock, 64, 2, stride=2)
        self.layer3 = self._make_layer(Resnet.BasicBlock, 128, 2, stride=2)
        self.layer4 = self._make_layer(Resnet.BasicBlock, 256, 2, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(256, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
            if zero_init_residual and isinstance(module, Resnet.BasicBlock):
                nn.init.zeros_(module.bn2.get_parameter("weight"))

    def _make_layer(
        self, block: Any, planes: int, blocks: int, stride: int = 1
    ) -> nn.Sequential:
        """Return blocks, the first of which changes the shape."""
        norm, shortcut = self._norm_layer, None
        if stride != 1 or self.inplanes != planes:
            convolution = Resnet.conv1x1(self.inplanes, planes, stride)
            shortcut = nn.Sequential(convolution, norm(planes))
        layer = nn.Sequential(
            block(self.inplanes, planes, stride, shortcut, norm_layer=norm)
        )
        self.inplanes = planes
        for _ in range(1, blocks):
            layer.append(block(planes, planes, norm_layer=norm))
        return layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, num_classes) for images (batch, 1, 28, 28)."""
        return self._forward_impl(x)

    def _forward_impl(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: torch.Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits
