"""The blocks of residual networks (He et al., arXiv:1512.03385)."""

from collections.abc import Callable

import torch
from torch import nn

Norm = Callable[[int], nn.Module]


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """Return a 3x3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """Return a 1x1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, the first with the stride, and a shortcut.

    Parameters
    ----------
    inplanes, planes : int
        Channels of the input, and of each convolution.
    stride : int, default 1
    downsample : nn.Module, optional
        The shortcut if the shape changes; by default the identity.
    groups, base_width, dilation : int
        Only the defaults 1, 64 and 1 are supported, as in torchvision's block.
    norm_layer : callable, default ``nn.BatchNorm2d``
        Called with the number of channels.
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if (groups, base_width, dilation) != (1, 64, 1):
            raise ValueError(
                "BasicBlock does not support groups, base_width or dilation"
            )
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU()
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample, self.stride = downsample, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, planes, h / stride, w / stride) for (batch, inplanes, h, w)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.bn2(self.conv2(x)) + shortcut
        output: torch.Tensor = self.relu(x)
        return output


class Bottleneck(nn.Module):
    """A strided 3x3 convolution between two 1x1 convolutions, and a shortcut.

    The output has ``expansion * planes`` channels. The stride is on the 3x3 convolution
    (ResNet "v1.5"), not on the first one as in the paper.

    Parameters
    ----------
    inplanes, planes, stride, downsample, norm_layer
        As for :class:`BasicBlock`.
    groups, base_width, dilation : int
        For the 3x3 convolution, whose width is ``planes * base_width / 64 * groups``.
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = planes * base_width // 64 * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU()
        self.downsample, self.stride = downsample, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (batch, 4 planes, h / stride, w / stride) for (batch, inplanes, h, w)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x)) + shortcut
        output: torch.Tensor = self.relu(x)
        return output
