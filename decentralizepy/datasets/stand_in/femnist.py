"""A stand-in for FEMNIST: printed characters, in a different style for each writer."""

import string
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from decentralizepy.datasets.stand_in._write import Samples, folders, write_parts

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
DIGIT_WEIGHT = 4  # a digit is 4 times as frequent as a letter, roughly as in FEMNIST
EVENNESS = 30.0  # Dirichlet parameter; if small, a writer uses few characters
SIDE = 28
FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono")


class Hand(NamedTuple):
    """A writer's style: slope, degrees, fractions of the paper's white, pixels."""

    font: "FreeTypeFont"
    slant: float
    turn: float
    ink: float
    noise: float
    width: int


def write(
    directory: Path,
    seed: int = 1,
    writers: int = 64,
    samples: int = 60,
    per_file: int = 4,
) -> None:
    """Write the folders ``train`` and ``test`` in LEAF's JSON format.

    The characters are drawn black on white, in fonts that ship with Matplotlib. Each
    writer has their own font, thickness, slant, rotation and ink, and uses some of the
    62 characters more often than others.

    Parameters
    ----------
    directory : Path
        The parent of the folders for ``train_dir`` and ``test_dir``.
    seed : int, default 1
        Decides every byte.
    writers : int, default 64
    samples : int, default 60
        Samples per writer on average; a fifth of them is for testing.
    per_file : int, default 4
        Writers per file.

    Raises
    ------
    DataError
        If a folder exists and was not generated.
    """
    rng = np.random.default_rng(seed)
    users = {f"f{number:04}": _user(rng, samples) for number in range(writers)}
    with folders(directory, ["train", "test"], seed) as (train, test):
        write_parts(train, test, users, per_file)


def _user(rng: np.random.Generator, samples: int) -> Samples:
    """Return the samples of one writer."""
    weights = np.where(np.arange(len(CHARACTERS)) < 10, DIGIT_WEIGHT, 1.0)
    used = rng.dirichlet(EVENNESS * weights / weights.sum())
    count = rng.integers(max(samples // 2, 5), max(samples * 3 // 2, 6))
    labels = rng.choice(len(CHARACTERS), count, p=used)
    hand = _hand(rng)
    return [_image(rng, CHARACTERS[y], hand) for y in labels], labels.tolist()


def _hand(rng: np.random.Generator) -> Hand:
    import matplotlib
    from PIL import ImageFont

    file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{rng.choice(FONTS)}.ttf")
    return Hand(
        ImageFont.truetype(file, int(rng.integers(20, 25))),
        slant=rng.normal(0, 0.2),
        turn=rng.normal(0, 6),
        ink=rng.uniform(0.5, 1),
        noise=rng.uniform(0, 0.06),
        width=int(rng.integers(0, 2)),
    )


def _image(rng: np.random.Generator, character: str, hand: Hand) -> list[float]:
    """Return 784 values from 0 (ink) to 1 (paper), row by row."""
    turn = hand.turn + rng.normal(0, 4)
    slant = hand.slant + rng.normal(0, 0.05)
    shift = rng.integers(-2, 3, 2)
    drawn = np.asarray(_drawn(character, hand, turn, slant, shift.tolist())) / 255
    paper = 1 - hand.ink * drawn + hand.noise * rng.standard_normal(drawn.shape)
    values: list[float] = (
        ((paper.clip(0, 1) * 255).round() / 255).round(4).ravel().tolist()
    )
    return values


def _drawn(
    character: str, hand: Hand, turn: float, slant: float, shift: list[int]
) -> "Image":
    """Return the character, white on black, slanted about the middle and rotated."""
    from PIL import Image, ImageDraw

    image = Image.new("L", (SIDE, SIDE))
    middle = (SIDE / 2 + shift[0], SIDE / 2 + shift[1])
    ImageDraw.Draw(image).text(
        middle, character, 255, hand.font, anchor="mm", stroke_width=hand.width
    )
    affine = (1, slant, -slant * SIDE / 2, 0, 1, 0)
    slanted = image.transform(
        image.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR
    )
    return slanted.rotate(turn, Image.Resampling.BILINEAR)
