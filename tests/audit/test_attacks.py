"""Breaks when an attack of an audit finds what is not there, or misses what is."""

import numpy as np
import pytest
import torch

from decentralizepy.audit import inversion, linking, membership, quality, shadows
from decentralizepy.audit.measure import part
from decentralizepy.audit.membership import Scores, Victim
from decentralizepy.audit.scene import Scene
from decentralizepy.datasets.Data import Data
from decentralizepy.errors import DataError
from tests.support.observed import observe


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Five nodes with two classes each, as the first of them sees the others."""
    return Scene([observe(tmp_path_factory.mktemp("scene"))])


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """The same with one image in each round."""
    one = {"rounds": 1, "batch_size": 1}
    return Scene([observe(tmp_path_factory.mktemp("single"), TRAIN_PARAMS=one)])


def test_a_curve_by_hand():
    """Of 2 x 2 pairs, the member is ahead in three: 0.75; one is ahead of all others."""
    found = membership.curve(Scores(np.array([4.0, 2.0]), np.array([3.0, 1.0])))
    assert (found.auc, found.tpr_at_rate, found.others) == (0.75, 0.5, 2)
    assert not found.is_resolved
    many = membership.curve(Scores(np.array([2.5]), np.arange(1000) / 500))
    assert (many.auc, many.tpr_at_rate, many.is_resolved) == (1.0, 1.0, True)


def test_members_and_others_have_equally_many_of_each_label():
    """Breaks when labels alone tell members from others."""
    ours, theirs = np.array([7, 7, 7, 3, 1]), np.array([3, 3, 7, 7, 5])
    mine, other = membership.alike(ours, theirs, 10, np.random.default_rng(0))
    assert sorted(ours[mine]) == sorted(theirs[other]) == [3, 7, 7]
    assert len(set(mine)) == len(set(other)) == 3


def test_the_initial_model_tells_nothing_and_an_overfitted_one_does(scene):
    """Breaks when membership inference is far from chance on an untrained model."""
    uid, members, others = membership.victim(scene, 2, 60)
    assert len(members) == len(others) == 60
    draws = np.random.default_rng(0)  # random labels can only be learned by heart
    labels = torch.from_numpy(draws.integers(10, size=(2, 60)))
    target = Victim(uid, Data(members.x, labels[0]), Data(others.x, labels[1]))
    models = shadows.Shadows(scene, target, 8, 400)
    overfitted = shadows.train(scene, target.members, 800, seed=1)
    for vector, low, high in ((scene.initial, 0.3, 0.7), (overfitted, 0.85, 1)):
        for scores in (
            membership.by_loss(scene, vector, target),
            models.scores(vector),
        ):
            assert low < membership.curve(scores).auc <= high


def test_a_likelihood_ratio_by_hand():
    """In: -1 and 1 about 0; out: 3 and 5 about 4; both with deviation 1, at phi = 1."""
    phi = np.array([[-1.0], [1.0], [3.0], [5.0]])
    inside = np.array([[True], [True], [False], [False]])
    found = shadows.ratio(np.array([1.0]), phi, inside)
    assert found == pytest.approx([-1 / 2 + 9 / 2], abs=1e-4)
    losses = -np.log(np.array([0.5, 0.9]))
    assert shadows.logit(losses) == pytest.approx([0, np.log(9)])
    masks = [*shadows.halves(1, 2, 9, 4)]
    assert [mask.sum() for mask in masks] == [4, 5, 4, 5]
    assert (masks[0] == ~masks[1]).all()


def test_plain_models_of_skewed_data_are_linked_and_random_ones_are_not(scene):
    vectors = scene.observation(0, 2).vectors
    data = {uid: part(scene, uid, 100) for uid in vectors}
    assert linking.link(scene, vectors, data) == (4, 4, 4)
    draws = np.random.default_rng(0)
    losses = draws.random((400, 4, 4))
    right = sum(linking.count(each).right for each in losses)
    assert 0.2 < right / 1600 < 0.3
    assert linking.count(np.ones((3, 3))).right == 0


def test_the_image_of_a_linear_layer_is_found_in_closed_form():
    """The gradient of row k of the weights is the error at k times the image."""
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
    image = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    error = torch.tensor([0.25, -0.5])
    gradient = [torch.outer(error, image.flatten()), error]
    found = inversion.first_layer(model, gradient, image)
    assert torch.equal(found, image[None])
    folded = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 2), torch.nn.Linear(1, 2))
    assert inversion.first_layer(folded, gradient, image) is None


def test_a_single_image_is_read_out_of_what_was_received(single):
    """Without shuffling, it is the first one of the node, then the second."""
    for number in (1, 2):
        found = inversion.invert(single, 0, 3, number)
        assert found.images == pytest.approx(found.truth, abs=1e-3)
        assert torch.equal(found.truth[0], single.data[3].x[number - 1])
        assert found.psnr > 40 > found.chance[0]
        assert found.ssim > 0.99 > found.chance[1]


def test_where_a_sender_started_is_known_to_who_heard_all_that_it_averaged(
    single, monkeypatch
):
    """All nodes are neighbors, so in round 2 all start from the same mean."""
    first = single.observation(0, 1)
    mean = np.mean([first.own, *first.vectors.values()], axis=0)
    np.testing.assert_allclose(inversion.start(single, 0, 3, 2), mean, atol=1e-6)
    assert inversion.start(single, 0, 3, 1) is single.initial
    monkeypatch.setitem(single.rounds, 0, [1, 3])
    with pytest.raises(DataError, match="recorded round 3, but not round 2"):
        inversion.start(single, 0, 3, 3)


def test_images_whose_gradient_points_the_same_way_are_alike(single):
    """Breaks when the search by cosine ends no nearer than other images."""
    data, model = single.data[1], single.model
    single.flat.load(single.flat.unflatten(torch.from_numpy(single.initial.copy())))
    loss = single.loss(model(data.x[:2]), data.y[:2])
    gradient = torch.autograd.grad(loss, [*model.parameters()])
    labels = inversion.guessed_labels(single, gradient[-1], 2)
    assert sorted(labels.tolist()) == sorted(data.y[:2].tolist())
    seen = [torch.ones_like(each, dtype=torch.bool) for each in gradient]
    images = inversion.by_cosine(single, gradient, seen, labels, seed=1)
    truth = quality.match(images, data.x)
    assert quality.psnr(images, truth, 2.0) > 25
    assert {*map(tuple, truth.flatten(1).tolist())} == {
        *map(tuple, data.x[:2].flatten(1).tolist())
    }


def test_rounds_with_many_images_are_not_inverted(scene):
    with pytest.raises(DataError, match="a round has 160 images; expected at most 4"):
        inversion.invert(scene, 0, 3, 1)


def test_the_quality_of_images_by_hand():
    """A mean squared error of a hundredth of the squared range is 20 dB."""
    black = torch.zeros(1, 1, 8, 8)
    assert quality.psnr(black + 0.2, black, 2.0) == pytest.approx(20)
    assert quality.psnr(black, black, 1.0) == 100
    ramp = torch.arange(64.0).reshape(1, 1, 8, 8)
    assert quality.ssim(ramp, ramp, 64.0) == pytest.approx(1)
    assert quality.ssim(64 - ramp, ramp, 64.0) < 0
    near = quality.match(torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [1.0]]))
    assert near.tolist() == [[1.0], [5.0]], "no image is that of two"
