"""MovieLens: ratings of films, partitioned by user."""

import re
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.config.signatures import parameters
from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset, Model
from decentralizepy.datasets.Partitioner import cuts
from decentralizepy.datasets.testing import Loss
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models.matrix_factorization import MatrixFactorization

__all__ = ["MatrixFactorization", "MovieLens", "download_movie_lens"]

FOLDER = "ml-latest-small"
FILES = (f"{FOLDER}/ratings.csv", "ml-100k/u.data", "ml-100k/ml-100k.inter")
HEADER = re.compile(r"user.*(item|movie).*rating", re.IGNORECASE)
RATINGS = tuple(half / 2 for half in range(1, 11))
TRAIN_SHARE = 0.7


class MovieLens(Dataset):
    """Ratings 0.5, 1, ... 5 of films (Harper and Konstan, TiiS 5(4), 2015).

    x is (2,) int64, the numbers of user and item, both counted from 1 in the order of
    their ids in the file; y is the rating, float32. 70 % of each user's ratings, drawn with
    ``random_seed``, are for training, and the others for testing. Each node gets a block
    of consecutive users; sizes differ by at most one. A node is trained and tested only on
    its own users; a service is tested on all.

    Parameters
    ----------
    *place
        ``rank``, ``machine_id`` and ``mapping``.
    random_seed, only_local
        As for :class:`~decentralizepy.datasets.Dataset.Dataset`.
    train_dir, test_dir : str, default ""
        An empty one means no training, or no test. The ratings, of both parts, are read
        from ``train_dir`` or, if that is empty as for a parameter server, ``test_dir``:
        ``ml-latest-small/ratings.csv``, ``ml-100k/u.data`` or ``ml-100k/ml-100k.inter``
        (as RecBole has it), or one of these files in the folder itself.
    sizes : str or list of float, default ""
        The share of the users that each node has.
    test_batch_size : int, default 4096
        Changes no result.
    validation_source, validation_size
        To be left empty: there is no validation set.

    Attributes
    ----------
    n_users, n_items : int
        In the file, whichever of them this node has.

    Raises
    ------
    ConfigError
        If an option has a value that it cannot have.
    DataError
        If the file is not there or damaged, or this node gets no ratings.
    """

    num_classes: int = len(RATINGS)
    default_test_batch_size = 4096
    NUM_CLASSES = len(RATINGS)
    RATING_DICT: ClassVar = {rating: number for number, rating in enumerate(RATINGS)}
    replaced: ClassVar = {
        "_load_data": "get_trainset and get_testset",
        "_split_data": "get_trainset and get_testset",
    }

    def __init__(self, *place: Any, **options: Any) -> None:
        super().__init__(*place, **options)
        if self.__validating__:
            raise ConfigError(
                "MovieLens has no validation set, expected it empty",
                section="DATASET",
                key="validation_size",
                value=self.validation_size,
            )
        self._load(self.train_dir or self.test_dir or "")

    @classmethod
    def prepare(cls, **options: Any) -> None:
        cls(-1, 0, Linear(1, 1), **options)

    def make_model(self, model_class: Callable[..., Model]) -> Model:
        """Return a new model, passing ``n_users`` and ``n_items`` if its class accepts them."""
        sizes = {"n_users": self.n_users, "n_items": self.n_items}
        if sizes.keys() <= parameters(model_class).keys():
            return model_class(**sizes)
        return super().make_model(model_class)

    def test(self, model: torch.nn.Module, loss: Loss) -> tuple[float, float]:
        """Return the percentage of correctly predicted ratings, and the RMSE.

        A prediction is correct if it equals the rating after clamping to [0.5, 5] and
        rounding to halves (ties go to the even number of halves). The RMSE is that of the
        unrounded predictions.

        Parameters
        ----------
        model : torch.nn.Module
            Left in the mode, training or evaluation, that it was in.
        loss : callable
            Not used: with ``torch.nn.MSELoss`` the RMSE is the root of its mean.
        """
        batches, was_training = self.get_testset(), model.training
        model.eval()
        with torch.inference_mode():
            pairs = [(model(x), y) for x, y in batches]
        model.train(was_training)
        predicted, ratings = map(torch.cat, zip(*pairs, strict=True))
        halves = (2 * predicted.clamp(RATINGS[0], RATINGS[-1])).round()
        accuracy = (halves == 2 * ratings).double().mean()
        error = (predicted.double() - ratings).square().mean().sqrt()
        return 100 * float(accuracy), float(error)

    def get_label_distribution(self) -> list[int]:
        """Return the number of ratings 0.5, 1, ... 5 in this node's partition."""
        _, ratings = self._present(self.trainset, "training")[:]
        classes = (2 * ratings - 1).numpy().astype(np.int64)
        counts: list[int] = np.bincount(classes, minlength=self.num_classes).tolist()
        return counts

    def whole(self, name: str) -> Data:
        sets = _split(self.train_dir or self.test_dir or "", self.random_seed)
        ratings = sets[name == "testset"]
        return Data(ratings.x, ratings.y)

    def _load(self, directory: str) -> None:
        if not directory:
            raise DataError(
                section="DATASET",
                key="train_dir, test_dir",
                expected="MovieLens' folder in one",
            )
        train, test = _split(directory, self.random_seed)
        self.n_users, self.n_items = len(train.ends) - 1, train.n_items
        users = self._users(directory)
        self.__training__ = self.__training__ and self.dataset_id >= 0
        self.trainset = train.of(users) if self.__training__ else None
        self.testset = test.of(users) if self.__testing__ else None
        for part, purpose in ((self.trainset, "train"), (self.testset, "be tested")):
            if part is not None and not len(part):
                raise DataError(
                    f"{directory}: node {self.uid} gets no ratings to {purpose} on: "
                    "expected other sizes, or users with more than one rating"
                )

    def _users(self, directory: str) -> range:
        """Return the users of this node, counted from 0."""
        count, parts = self.n_users, self.num_partitions
        if self.dataset_id < 0:
            return range(count)
        if count < parts:
            raise DataError(f"{directory}: {count} users are too few for {parts} nodes")
        each, more = divmod(count, parts)
        ends = [each * part + min(part, more) for part in range(parts + 1)]
        if self.sizes is not None:
            ends = cuts(self.shares(count), count)
        return range(*ends[self.dataset_id : self.dataset_id + 2])


class Ratings(NamedTuple):
    """Ratings sorted by user; those of user 1 are from ``ends[0]`` to ``ends[1]``."""

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.float32]
    ends: npt.NDArray[np.int64]
    n_items: int

    def at(self, places: Sequence[npt.NDArray[np.int64]]) -> "Ratings":
        """Return those at ``places``, an array for each user."""
        ends = np.cumsum([0, *map(len, places)])
        chosen = np.concatenate(places)
        return Ratings(self.x[chosen], self.y[chosen], ends, self.n_items)

    def of(self, users: range) -> Data:
        """Return those of ``users``, not copied."""
        part = slice(self.ends[users.start], self.ends[users.stop])
        return Data(torch.from_numpy(self.x[part]), torch.from_numpy(self.y[part]))


@lru_cache
def _split(directory: str, seed: int) -> tuple[Ratings, Ratings]:
    """Return the training ratings and the rest, which stays in the order of the file.

    Drawn as pandas' ``sample(frac=0.7, random_state=seed)`` draws from each user's rows.
    """
    ratings = _read(directory)
    train, test = [], []
    for start, end in pairwise(ratings.ends.tolist()):
        order = np.random.RandomState(seed % 2**32).permutation(end - start)
        cut = round(TRAIN_SHARE * len(order))
        train.append(start + order[:cut])
        test.append(start + np.sort(order[cut:]))
    return ratings.at(train), ratings.at(test)


@lru_cache
def _read(directory: str) -> Ratings:
    path = _find(directory)
    try:
        lines = path.read_text("utf-8-sig").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    first = 1 if HEADER.match(lines[0]) else 0
    table = _parse(path, lines, first)
    user_ids, users = np.unique(table[:, 0], return_inverse=True)
    item_ids, items = np.unique(table[:, 1], return_inverse=True)
    repeated = _repeated(users * len(item_ids) + items)
    if repeated is not None:
        earlier, later = (first + 1 + place for place in repeated)
        raise DataError(
            f"{path}: line {later}: its user has rated its item in line {earlier}"
        )
    order = np.argsort(users, kind="stable")
    x = np.stack([users, items], axis=1)[order] + 1
    ends = np.searchsorted(users[order], np.arange(len(user_ids) + 1))
    return Ratings(x, table[order, 2].astype(np.float32), ends, len(item_ids))


def _find(directory: str) -> Path:
    names = [*FILES, *(Path(name).name for name in FILES)]
    for name in names:
        if (path := Path(directory, name)).is_file():
            return path
    raise DataError(
        f"{directory}: contains none of {', '.join(names)}; "
        "run `decentralizepy data download movielens`"
    )


def _parse(path: Path, lines: Sequence[str], first: int) -> npt.NDArray[np.float64]:
    """Return users, items and ratings, (n, 3), of the lines from place ``first``."""
    delimiter = "," if path.suffix == ".csv" else "\t"
    columns = max(3, lines[0].count(delimiter) + 1)
    values = array("d")
    for number, line in enumerate(lines[first:] or [""], first + 1):
        try:
            values.extend(_rating(line.split(delimiter), columns))
        except (ValueError, OverflowError):
            raise DataError(
                f"{path}: line {number}: {line[:60]!r}: expected a user and an item, "
                "whole numbers from 1, and a rating 0.5, 1, ... 5, in the first of "
                f"{columns} columns"
            ) from None
    return np.array(values).reshape(-1, 3)


def _rating(fields: Sequence[str], columns: int) -> tuple[int, int, float]:
    if len(fields) != columns:
        raise ValueError
    user, item, rating = int(fields[0]), int(fields[1]), float(fields[2])
    if min(user, item) < 1 or rating not in RATINGS:
        raise ValueError
    return user, item, rating


def _repeated(keys: npt.NDArray[np.int64]) -> tuple[int, int] | None:
    """Return where the first repeated key was before, and where it is again."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    origin = first[inverse]
    again = np.flatnonzero(origin != np.arange(len(keys)))
    return (int(origin[again[0]]), int(again[0])) if len(again) else None


def download_movie_lens(dest: str) -> None:
    """Download latest-small to ``dest``, like ``decentralizepy data download movielens``.

    Raises
    ------
    DataError
        If the network or the disk fails, or the folder exists already.
    """
    from decentralizepy.datasets.sources import catalog, download

    source = catalog.find("movielens").source
    assert isinstance(source, download.Web)
    try:
        Path(dest).mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=dest) as scratch:
            download.gather(source, Path(scratch))
            Path(scratch, FOLDER).rename(Path(dest, FOLDER))
    except OSError as error:
        raise DataError(f"{dest}: {FOLDER} cannot be written: {error}") from error
