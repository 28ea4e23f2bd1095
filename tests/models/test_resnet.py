"""The residual blocks: shapes, where the stride is, and the short cut."""

import pytest
import torch
from torch import nn

from decentralizepy.models.Resnet import BasicBlock, Bottleneck, conv1x1, conv3x3


def test_convolutions_have_no_bias_and_keep_the_size():
    x = torch.zeros(1, 2, 8, 8)
    assert conv3x3(2, 4)(x).shape == conv1x1(2, 4)(x).shape == (1, 4, 8, 8)
    assert conv3x3(2, 4, stride=2)(x).shape == (1, 4, 4, 4)
    assert conv3x3(2, 4, dilation=2)(x).shape == (1, 4, 8, 8)
    assert conv3x3(2, 4, groups=2).weight.shape == (4, 1, 3, 3)
    assert conv3x3(2, 4).bias is conv1x1(2, 4).bias is None


def test_basic_block_has_its_stride_first():
    block = BasicBlock(4, 8, stride=2, downsample=conv1x1(4, 8, 2))
    assert block.expansion == 1
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))
    assert block(torch.zeros(3, 4, 6, 6)).shape == (3, 8, 3, 3)


def test_bottleneck_has_its_stride_on_the_3x3():
    block = Bottleneck(4, 8, stride=2, downsample=conv1x1(4, 32, 2))
    assert block.expansion == 4
    convolutions = (block.conv1, block.conv2, block.conv3)
    assert [conv.stride for conv in convolutions] == [(1, 1), (2, 2), (1, 1)]
    assert block(torch.zeros(3, 4, 6, 6)).shape == (3, 32, 3, 3)


def test_bottleneck_can_be_wide_and_grouped():
    block = Bottleneck(256, 64, groups=32, base_width=4)
    assert block.conv2.weight.shape == (128, 4, 3, 3)


@pytest.mark.parametrize("block", [BasicBlock(4, 4), Bottleneck(4, 1)])
def test_without_its_convolutions_a_block_is_its_short_cut(block):
    for layer in block.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.zeros_(layer.weight)
    x = torch.randn(2, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x.relu())


def test_basic_block_refuses_groups():
    with pytest.raises(ValueError, match="does not support groups"):
        BasicBlock(4, 4, groups=2)
