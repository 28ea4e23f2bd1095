"""CelebA's network: the published size."""

import torch

from decentralizepy.models.celeba import CNN


def test_the_network_has_the_published_size():
    """Breaks when byte counts are no longer comparable with DecentralizePy's."""
    made = CNN()
    assert made.count_params() == len(made.get_weights()) == 30_242
    assert made(torch.zeros(2, 3, 84, 84)).shape == (2, 2)


def test_every_part_of_an_image_counts():
    torch.manual_seed(0)
    made, dark = CNN(), torch.zeros(1, 3, 84, 84)
    for row, column in ((2, 2), (2, 70), (70, 2), (70, 70)):
        light = dark.clone()
        light[..., row : row + 8, column : column + 8] = 1
        assert not torch.equal(made(light), made(dark))
