"""Breaks when training images are not crops and mirror images of those of the data set."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn

from decentralizepy.datasets.Digits import Digits
from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training.augmentation import Augmentation
from decentralizepy.training.Training import Training


class Fixed:
    """Stands for a generator whose draws are known."""

    def integers(self, low, high, size):
        assert (low, high, size) == (0, 3, (1, 2))
        return np.array([[0, 2]])

    def random(self, count):
        return np.array([0.4])


def test_a_crop_and_a_mirror_image_by_hand():
    """From the top right of the padded image, then mirrored."""
    image = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    cropped = Augmentation(1)(image, Fixed())
    assert cropped.tolist() == [[[[0, 0], [2, 0]]]]
    mirrored = Augmentation(1, True)(image, Fixed())
    assert mirrored.tolist() == [[[[0, 0], [0, 2]]]]


def possible(image, padding, flip):
    """Return all that an image may become."""
    height, width = image.shape[1:]
    padded = nn.functional.pad(image, (padding,) * 4)
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            crop = padded[:, top : top + height, left : left + width]
            yield crop
            if flip:
                yield crop.flip(2)


@given(
    shape=st.tuples(*[st.integers(1, 4)] * 4),
    padding=st.integers(0, 2),
    flip=st.booleans(),
    seed=st.integers(0, 2**32),
    channels_last=st.booleans(),
)
@settings(max_examples=60)
def test_each_image_is_one_of_all_that_are_possible(
    shape, padding, flip, seed, channels_last
):
    images = torch.arange(1.0, 1 + np.prod(shape)).view(shape)
    if channels_last:
        images = images.to(memory_format=torch.channels_last)
    augmented = Augmentation(padding, flip)(images, np.random.default_rng(seed))
    assert augmented.stride() == images.stride()
    for old, new in zip(images, augmented, strict=True):
        assert any(torch.equal(new, each) for each in possible(old, padding, flip))


def test_every_possible_image_comes_about_as_often():
    """Of 18, in 1800 draws each 100 times: 50 is five standard deviations off."""
    image = torch.arange(1.0, 10).view(1, 1, 3, 3)
    images = image.expand(1800, -1, -1, -1).contiguous()
    found = Augmentation(1, True)(images, np.random.default_rng(1))
    for each in possible(image[0], 1, True):
        assert 50 < sum(torch.equal(new, each) for new in found) < 150


class Seen(Training):
    """Remembers the data of each step instead of taking it."""

    def trainstep(self, data, target):
        self.seen = [*getattr(self, "seen", []), data.clone()]
        return 0.0


def seen(rank=0, trainings=2, **options):
    """Return what a node of two trains on, one batch in each training."""
    mapping = Linear(1, 2)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = (rank, 0, mapping, model, optimizer, nn.CrossEntropyLoss(), ".")
    trainer = Seen(*parts, batch_size=8, **options)
    dataset = Digits(0, 0, mapping)
    for _ in range(trainings):
        trainer.train(dataset)
    return trainer


def test_draws_depend_on_node_and_round_alone():
    plain = seen().seen
    first, second = seen(crop_padding=2).seen
    assert not torch.equal(first, plain[0])
    assert torch.equal(seen(crop_padding=2).seen[1], second)
    assert not torch.equal(seen(rank=1, crop_padding=2).seen[0], first)
    resumed = seen(crop_padding=2, trainings=0)
    resumed.trainings = 1  # as a checkpoint says
    resumed.train(Digits(0, 0, Linear(1, 2)))
    places = [seen(crop_padding=2, trainings=1).seen[0], first]
    assert torch.equal(*places)
    again = Augmentation(2)(plain[0], resumed._draws)
    assert not torch.equal(again, first)


def test_evaluation_sees_the_images_as_they_are():
    dataset = Digits(0, 0, Linear(1, 2))
    plain, augmented = seen(), seen(crop_padding=3, horizontal_flip=True)
    augmented.model.load_state_dict(plain.model.state_dict())
    assert plain.eval_loss(dataset) == augmented.eval_loss(dataset)


@pytest.mark.parametrize(
    ("data", "told"),
    [(torch.ones(2, 3), r"of shape \(2, 3\)"), ({"x": 1}, "is dict")],
)
def test_what_are_no_images_is_an_error(data, told):
    with pytest.raises(
        ConfigError, match=rf"\] crop_padding = 2: needs images .*{told}"
    ):
        Augmentation(2)(data, np.random.default_rng(1))
