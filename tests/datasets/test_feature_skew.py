"""Breaks when a node sees its images other than as the skew says, or holds them twice."""

from itertools import permutations

import numpy as np
import pytest
import torch

from decentralizepy.datasets.feature_skew import Skewed, change_for
from decentralizepy.datasets.images import PARTITIONS, ImageDataset
from decentralizepy.datasets.Partitioner import Partition
from decentralizepy.datasets.pixels import Images
from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Linear import Linear

BATCH = np.array([2, 0])


def part(channels):
    """Return a part of images of 3x3 whose pixels all differ."""
    count = 4 * 3 * 3 * channels
    pixels = np.arange(count, dtype=np.uint8).reshape(4, 3, 3, channels)
    return Partition(Images(pixels, np.array([5, 6, 7, 8]), 255), [3, 1, 0])


def seen(kind, node, channels):
    plain = part(channels)
    return plain, Skewed(plain, change_for(kind, node))


@pytest.mark.parametrize("node", range(9))
@pytest.mark.parametrize("channels", [1, 3])
def test_rotation_turns_by_right_angles(node, channels):
    plain, turned = seen("rotation", node, channels)
    expected = np.rot90(plain[BATCH][0].numpy(), node % 4, axes=(2, 3))
    assert np.array_equal(turned[BATCH][0], expected)
    assert np.array_equal(turned[2][0], expected[0]), "a lone sample"


def test_one_turn_is_counter_clockwise():
    plain, turned = seen("rotation", 1, 1)
    top_right = plain[0][0][0, 0, 2]
    assert turned[0][0][0, 0, 0] == top_right


@pytest.mark.parametrize("node", range(8))
def test_colour_puts_the_channels_into_another_order(node):
    plain, coloured = seen("colour", node, 3)
    order = list(permutations(range(3)))[node % 6]
    expected = torch.stack([plain[BATCH][0][:, channel] for channel in order], 1)
    assert torch.equal(coloured[BATCH][0], expected)
    assert torch.equal(coloured[2][0], expected[0]), "a lone sample"


@pytest.mark.parametrize(("node", "sign"), [(0, 1), (1, -1), (2, 1), (3, -1)])
def test_colour_makes_negatives_of_grey_images_on_odd_nodes(node, sign):
    plain, coloured = seen("colour", node, 1)
    assert torch.equal(coloured[BATCH][0], sign * plain[BATCH][0])
    assert torch.equal(coloured[1][0], sign * plain[1][0]), "a lone sample"


@pytest.mark.parametrize("kind", ["rotation", "colour"])
@pytest.mark.parametrize("node", [0, 1, 3])
def test_all_else_is_as_without_skew(kind, node):
    """Also the memory format, on which the speed of convolutions depends."""
    plain, changed = seen(kind, node, 3)
    x, y = changed[BATCH]
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert (x.dtype, x.shape) == (torch.float32, plain[BATCH][0].shape)
    assert torch.equal(y, plain[BATCH][1])
    assert len(changed) == 3
    assert changed.targets.tolist() == [8, 6, 5]
    assert len(changed[0:2][1]) == 2


@pytest.mark.parametrize("kind", ["rotation", "colour"])
def test_the_images_that_nodes_share_are_left_as_they_are(kind):
    plain, changed = seen(kind, 3, 3)
    before = plain.data.pixels.clone()
    changed[BATCH], changed[0:3], changed[1]
    assert torch.equal(plain.data.pixels, before)


class Corners(ImageDataset):
    """Images of 2x2 pixels whose upper left one is bright."""

    num_classes = 2
    channels = 1

    @classmethod
    def read(cls, directory, train):
        pixels = np.zeros((12, 2, 2, cls.channels), np.uint8)
        pixels[:, 0, 0, 0] = 255
        return pixels, np.arange(12) % 2


class Colours(Corners):
    channels = 3


class Oblong(Corners):
    @classmethod
    def read(cls, directory, train):
        pixels, labels = super().read(directory, train)
        return np.concatenate([pixels, pixels], axis=2), labels


def node_of(cls, rank, nodes=4, **options):
    folders = {"train_dir": "there", "test_dir": "there"}
    return cls(rank, 0, Linear(1, nodes), **folders, **options)


def bright(batches):
    """Return the (channel, row, column) of the bright pixel, equal in all images."""
    x = torch.cat([x for x, _ in batches])
    (spot,) = {tuple(where) for where in (x == 1).nonzero()[:, 1:].tolist()}
    assert len(x) == (x == 1).sum()
    return spot


@pytest.mark.parametrize("kind", PARTITIONS)
def test_only_training_images_are_turned(kind):
    """Upper left, lower left, lower right, upper right: counter-clockwise."""
    spots = []
    for rank in range(4):
        node = node_of(
            Corners,
            rank,
            partition_niid=kind,
            feature_skew="rotation",
            validation_source="Train",
            validation_size=0.25,
        )
        spots.append(bright(node.get_trainset(2, shuffle=True)))
        assert bright(node.get_testset()) == bright(node.get_validationset())
        assert bright(node.get_testset()) == (0, 0, 0)
    assert spots == [(0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)]


def test_channels_are_in_another_order_on_each_of_six_nodes():
    nodes = [
        node_of(Colours, rank, 6, feature_skew="colour", random_seed=1)
        for rank in range(6)
    ]
    channels = [bright(node.get_trainset())[0] for node in nodes]
    assert channels == [0, 0, 1, 2, 1, 2], "where channel 0 is, order by order"
    assert all(bright(node.get_testset()) == (0, 0, 0) for node in nodes)


def test_the_feature_skew_of_a_node_goes_by_its_uid():
    """Also where each machine divides the data for itself: ranks are there twice."""
    mapping = Linear(2, 2, current_machine=1)
    node = Corners(
        1, 1, mapping, only_local=True, train_dir="there", feature_skew="rotation"
    )
    assert bright(node.get_trainset()) == (0, 0, 1)


def test_a_label_distribution_is_that_of_the_part_under_feature_skew():
    node = node_of(Corners, 1, feature_skew="colour")
    assert node.get_label_distribution() == [1, 2], "of the labels 1, 0, 1"


def test_only_square_images_can_be_turned():
    message = "feature_skew = rotation: expected square images, not of 2x4 pixels"
    with pytest.raises(ConfigError, match=message):
        Oblong.prepare(train_dir="there", feature_skew="rotation")
    Oblong.prepare(train_dir="there", feature_skew="colour")
