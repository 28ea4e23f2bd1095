"""Celeba: images of any kind on disk, one kind in training, and those that are damaged."""

import json
import os

import numpy as np
import pytest
import torch
from PIL import Image

from decentralizepy.datasets.Celeba import CNN, Celeba
from decentralizepy.errors import DataError
from decentralizepy.graphs.Ring import Ring
from decentralizepy.mappings.Linear import Linear

RED, BLUE = (250, 50, 0), (0, 50, 250)


def paint(path, colour, mode="RGB", size=(84, 84)):
    """Write an image with a stripe of black on top."""
    image = Image.new("RGB", size, colour)
    image.paste((0, 0, 0), (0, 0, size[0], size[1] // 4))
    image.convert(mode).save(path)


def write(folder, **people):
    folder.mkdir(exist_ok=True)
    counts = [len(each["y"]) for each in people.values()]
    content = {"users": list(people), "num_samples": counts, "user_data": people}
    (folder / "data.json").write_text(json.dumps(content))


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    paint(images / "0.png", BLUE)
    paint(images / "1.png", RED)
    paint(images / "2.png", RED, "L", (178, 218))
    paint(images / "3.jpg", RED, size=(178, 218))
    one = {"x": ["0.jpg", "1.jpg"], "y": [0, 1]}
    other = {"x": ["3.jpg", "2.jpg"], "y": [1, 0]}
    write(tmp_path / "train", anna=one, ben=other)
    return tmp_path


def options(folder, **others):
    train = str(folder / "train")
    images = str(folder / "images")
    return {"train_dir": train, "test_dir": train, "images_dir": images, **others}


def node(folder, rank=0, nodes=1, **others):
    return Celeba(rank, 0, Linear(1, nodes), **options(folder, **others))


def test_a_batch_is_red_green_and_blue_from_0_to_1(folder):
    x, y = node(folder).trainset[:2]
    assert (x.dtype, tuple(x.shape)) == (torch.float32, (2, 3, 84, 84))
    assert x.is_contiguous(memory_format=torch.channels_last)
    assert not x[:, :, :21].any()
    expected = torch.tensor([BLUE, RED]) / 255
    assert torch.allclose(x[:, :, 50, 50], expected)
    assert y.tolist() == [0, 1]


def test_an_option_trains_on_0_to_255_as_decentralizepy_does(folder):
    """Published learning rates are for these."""
    x, _ = node(folder, scaled=False).trainset[:2]
    assert x[:, :, 50, 50].tolist() == [list(BLUE), list(RED)]


def test_on_the_disk_a_pixel_is_a_byte(folder):
    assert node(folder).trainset.data.x.dtype == np.uint8


def test_a_png_is_preferred_and_the_named_file_is_taken_too(folder):
    """LEAF's names end in .jpg; DecentralizePy opens the .png of the same name."""
    x, _ = node(folder).trainset[2]
    assert x[:, 60, 40].tolist() == pytest.approx([c / 255 for c in RED], abs=0.02)
    paint(folder / "images" / "3.png", BLUE)
    x, _ = node(folder).trainset[2]
    assert x[:, 60, 40].tolist() == pytest.approx(
        [c / 255 for c in BLUE]
    ), "and the cache is renewed"


def test_a_grey_image_of_another_size_becomes_84x84_in_colour(folder):
    x, _ = node(folder).trainset[3]
    assert x.shape == (3, 84, 84)
    assert torch.equal(x[0], x[1])
    assert torch.equal(x[1], x[2])
    assert x[0, 5, 5] < 0.05 < x[0, 60, 60]


def test_it_is_tested_in_evaluation_mode(folder):
    modes = set()

    class Watching(CNN):
        def forward(self, x):
            modes.add(self.training)
            return super().forward(x)

    model = Watching()
    accuracy, loss = node(folder).test(model, torch.nn.CrossEntropyLoss())
    assert modes == {False}
    assert model.training
    assert loss == pytest.approx(np.log(2), rel=0.1), "an untrained network guesses"
    assert accuracy in (0, 25, 50, 75, 100)


def test_people_are_the_clients(folder):
    dataset = node(folder, rank=1, nodes=2, partition_niid="users")
    assert dataset.get_client_ids() == ["ben"]
    assert dataset.get_label_distribution() == [1, 1]


def test_a_network_of_nodes_runs(folder, run_nodes):
    nodes = run_nodes(
        Ring(2),
        rounds=1,
        DATASET={
            "dataset_package": "decentralizepy.datasets.Celeba",
            "dataset_class": "Celeba",
            "model_class": "CNN",
            **options(folder, partition_niid="users"),
        },
    )
    assert len(nodes) == 2


def fails(folder, **others):
    with pytest.raises(DataError) as caught:
        Celeba.prepare(**options(folder, **others))
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(str(folder), "DIR")


RECORD = "DIR/train/data.json: user ben: record 0: image "


def test_a_missing_image_is_named(folder):
    (folder / "images" / "3.jpg").unlink()
    assert fails(folder) == f"{RECORD}3.jpg: neither it nor 3.png is in DIR/images"


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + bytes(40)]
)
def test_an_image_that_does_not_open_is_named(folder, content):
    (folder / "images" / "3.jpg").write_bytes(content)
    assert fails(folder).startswith(f"{RECORD}3.jpg: ")


def test_an_image_cut_short_is_named(folder):
    path = folder / "images" / "3.jpg"
    os.truncate(path, path.stat().st_size // 2)
    assert fails(folder).startswith(f"{RECORD}3.jpg: image file is truncated")


@pytest.mark.parametrize("name", ["", ".jpg", "a"])
def test_an_odd_name_is_a_missing_image(folder, name):
    write(folder / "train", ben={"x": [name], "y": [0]})
    assert fails(folder).startswith(f"{RECORD}{name}: neither it nor .png is in DIR")


def test_a_label_is_0_or_1(folder):
    write(folder / "train", ben={"x": ["1.jpg"], "y": [2]})
    line = "DIR/train/data.json: user ben: record 0: label 2: expected 0 to 1"
    assert fails(folder) == line


@pytest.mark.parametrize("images", ["", "nowhere"])
def test_the_folder_of_the_images_must_be_given(folder, images):
    assert fails(folder, images_dir=images) == (
        f"[DATASET] images_dir = {images}: expected the folder of the images that "
        "train_dir and test_dir name"
    )
