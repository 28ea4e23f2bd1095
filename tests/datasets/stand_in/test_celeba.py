"""The stand-in for CelebA: names and images, persons who differ, and that it can be learned."""

import numpy as np
import pytest
from PIL import Image

from decentralizepy.datasets.stand_in import celeba
from tests.support.stand_ins import majority, samples, users


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("celeba")
    celeba.write(directory, persons=30, images=12, side=42)
    return directory


def pixels(folder, names):
    paths = [folder / "img_align_celeba" / name for name in names]
    return np.array([np.asarray(Image.open(path)) for path in paths]) / 255


def test_every_name_is_that_of_an_image_and_of_one_only(folder):
    names = samples(folder / "train")[0] + samples(folder / "test")[0]
    assert min(names) == "000001.png"
    assert len(set(names)) == len(names)
    images = {path.name for path in (folder / "img_align_celeba").glob("*.png")}
    assert images == set(names)
    assert pixels(folder, names[:1]).shape == (1, 42, 42, 3)


def test_everybody_has_five_images_and_smiles_more_or_less_often(folder):
    parts = [users(folder / name) for name in ("train", "test")]
    labels = [
        [y for part in parts for y in part[person]["y"]]
        for person in map(str, range(1, 31))
    ]
    assert min(map(len, labels)) >= 5
    assert {y for of in labels for y in of} == {0, 1}
    assert np.std([np.mean(of) for of in labels]) > 0.15


def test_backgrounds_are_of_persons(folder):
    corners = [
        pixels(folder, of["x"])[:, 0, 0] for of in users(folder / "train").values()
    ]
    within = np.mean([of.std(0) for of in corners])
    assert np.std([of.mean(0) for of in corners], axis=0).mean() > 3 * within


def test_a_line_through_the_pixels_beats_the_majority(folder):
    (x, y), (tests, truth) = samples(folder / "train"), samples(folder / "test")
    x, tests = (pixels(folder, names).reshape(len(names), -1) for names in (x, tests))
    middle = x.mean(0)
    gram = (x - middle) @ (x - middle).T  # ridge regression, in its dual form
    dual = np.linalg.solve(gram + 10 * np.eye(len(x)), np.array(y) - 0.5)
    smiling = (tests - middle) @ (x - middle).T @ dual > 0
    assert np.mean(smiling == truth) > majority(y, truth) + 0.2
