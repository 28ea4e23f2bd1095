"""A stand-in for CelebA: drawn faces, several per person, some of them smiling."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from decentralizepy.datasets.stand_in._write import Samples, folders, write_parts

if TYPE_CHECKING:
    from PIL.Image import Image

Colour = tuple[int, ...]

IMAGES = "img_align_celeba"
SKINS = ((255, 224, 189), (234, 192, 134), (198, 134, 66), (141, 85, 36), (84, 52, 28))
HAIRS = ((20, 16, 14), (78, 46, 28), (140, 80, 40), (222, 188, 120), (150, 150, 150))
LIP, TEETH, EYE = (150, 30, 50), (250, 250, 245), (25, 25, 30)


class Person(NamedTuple):
    """What all pictures of a person share; lengths are relative to the head's width."""

    skin: Colour
    hair: Colour
    background: Colour
    height: float
    mouth: float
    smiles: float


def write(
    directory: Path,
    seed: int = 1,
    persons: int = 64,
    images: int = 15,
    per_file: int = 4,
    side: int = 84,
) -> None:
    """Write ``train`` and ``test`` in LEAF's JSON format, and ``img_align_celeba``.

    The images, and their names in the JSON, are ``000001.png`` and so on: LEAF opens that
    name itself, DecentralizePy the ``.png`` of that name. Each person has their own skin,
    hair, background and mouth, and smiles more or less often.

    Parameters
    ----------
    directory : Path
        The parent of the folders for ``train_dir``, ``test_dir`` and ``images_dir``.
    seed : int, default 1
        Decides every byte.
    persons : int, default 64
    images : int, default 15
        Images per person on average, at least 5; a fifth of them is for testing.
    per_file : int, default 4
        Persons per file.
    side : int, default 84
        Width and height of an image in pixels: the size to which the data set scales
        images anyway. The real ones have 178x218.

    Raises
    ------
    DataError
        If a folder exists and was not generated.
    """
    rng = np.random.default_rng(seed)
    users: dict[str, Samples] = {}
    with folders(directory, ["train", "test", IMAGES], seed) as (train, test, pictures):
        numbers = itertools.count(1)
        for number in range(1, persons + 1):
            person = _person(rng)
            count = rng.integers(max(images // 2, 5), max(images * 3 // 2, 6))
            labels = (rng.random(count) < person.smiles).astype(int).tolist()
            names = [f"{next(numbers):06}.png" for _ in labels]
            for name, smiling in zip(names, labels, strict=True):
                _face(rng, person, smiling, side).save(pictures / name)
            users[str(number)] = (names, labels)
        write_parts(train, test, users, per_file)


def _person(rng: np.random.Generator) -> Person:
    return Person(
        skin=_near(rng, SKINS[rng.integers(len(SKINS))]),
        hair=_near(rng, HAIRS[rng.integers(len(HAIRS))]),
        background=tuple(rng.integers(40, 230, 3).tolist()),
        height=rng.uniform(1.2, 1.4),
        mouth=rng.uniform(0.4, 0.55),
        smiles=rng.beta(1.5, 1.5),
    )


def _near(rng: np.random.Generator, colour: Sequence[int]) -> Colour:
    return tuple((colour + rng.normal(0, 8, 3)).clip(0, 255).astype(int).tolist())


def _face(rng: np.random.Generator, person: Person, smiling: int, side: int) -> "Image":
    """Draw a face near the middle, at twice its size, and scale it down to smooth edges."""
    from PIL import Image, ImageDraw

    full = 2 * side
    image = Image.new("RGB", (full, full), _near(rng, person.background))
    draw = ImageDraw.Draw(image)
    width = full * rng.uniform(0.52, 0.6)
    x, y = full * (0.5 + rng.uniform(-0.04, 0.04, 2))

    def ellipse(dx: float, dy: float, w: float, h: float, colour: Colour) -> None:
        place = (x + width * dx, y + width * dy)
        half = (width * w / 2, width * h / 2)
        draw.ellipse(_box(*place, *half), fill=colour)

    ellipse(0, -0.15, 1.25, person.height, person.hair)
    ellipse(0, 0.05, 1, person.height, person.skin)
    for eye in (-0.22, 0.22):
        ellipse(eye, -0.1, 0.2, 0.11, TEETH)
        ellipse(eye + rng.uniform(-0.04, 0.04), -0.1, 0.09, 0.1, EYE)
    wide, high = (1.1, 0.3) if smiling else (0.75, rng.uniform(0.06, 0.12))
    low, mouth = 0.33, person.mouth
    ellipse(0, low, mouth * wide, high, LIP)
    if smiling:  # skin covers the upper half, and teeth show below its edge
        ellipse(0, low - 0.02, mouth * wide * 0.8, high * 0.5, TEETH)
        top = (x, y + width * (low - 0.11))
        draw.rectangle(_box(*top, width * mouth * 0.6, width * 0.08), fill=person.skin)
    return image.resize((side, side), Image.Resampling.BOX)


def _box(x: float, y: float, half_width: float, half_height: float) -> list[float]:
    return [x - half_width, y - half_height, x + half_width, y + half_height]
