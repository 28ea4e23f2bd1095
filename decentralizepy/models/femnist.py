"""Networks for FEMNIST: images of 28x28 in one channel, 62 classes."""

from collections.abc import Sequence

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
        # pooled first, a quarter of the numbers goes through relu, with the same result
        x = self.pool(self.conv1(x)).relu()
        x = self.pool(self.conv2(x)).relu()
        x = self.fc1(x.flatten(1)).relu()
        logits: torch.Tensor = self.fc2(x)
        return logits


class RNET(Model):
    """ResNet-18 (arXiv:1512.03385, table 1) in half width: 2,811,678 parameters.

    With the buffers of the normalisation, 2,816,498 numbers are sent.

    Parameters
    ----------
    num_classes : int, default 62
    zero_init_residual : bool, default False
        Start each block as its short cut: the weights of its last normalisation are 0.
    groups, width_per_group : int, default 1 and 32
        No others are possible.
    replace_stride_with_dilation : sequence of bool, optional
        Three times False, which is the default; nothing else is possible.
    norm_layer : callable, default ``nn.BatchNorm2d``
        Called with the number of channels.

    Raises
    ------
    ValueError
        If groups, a width or a dilation are asked for.
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
            raise ValueError("RNET has no groups, no other width and no dilation")
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = nn.Conv2d(1, 32, 7, stride=2, padding=3, bias=False)
        self.bn1 = norm(32)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = _stage(32, 32, 1, norm)
        self.layer2 = _stage(32, 64, 2, norm)
        self.layer3 = _stage(64, 128, 2, norm)
        self.layer4 = _stage(128, 256, 2, norm)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(256, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )
            if zero_init_residual and isinstance(module, Resnet.BasicBlock):
                nn.init.zeros_(module.bn2.get_parameter("weight"))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, num_classes) for images (batch, 1, 28, 28)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: torch.Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def _stage(inplanes: int, planes: int, stride: int, norm: Resnet.Norm) -> nn.Sequential:
    """Return two blocks, of which the first changes the shape."""
    shortcut = None
    if inplanes != planes:
        shortcut = nn.Sequential(Resnet.conv1x1(inplanes, planes, stride), norm(planes))
    return nn.Sequential(
        Resnet.BasicBlock(inplanes, planes, stride, shortcut, norm_layer=norm),
        Resnet.BasicBlock(planes, planes, norm_layer=norm),
    )
