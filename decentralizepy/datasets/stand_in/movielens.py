"""A stand-in for MovieLens latest-small: low-rank ratings, most of a few movies."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from decentralizepy.datasets.stand_in._write import folders

Array = npt.NDArray[np.float64]

TASTES = 4  # rank: latent factors of users and movies
SCARCE = 4  # one in 4 ids is used, since the real ids have gaps, too
FEWEST = 20  # ratings per user
BEGIN = 1_100_000_000  # earliest rating, in seconds since 1970
YEAR = 31_536_000


def write(
    directory: Path,
    seed: int = 1,
    users: int = 671,
    movies: int = 2_000,
    ratings: int = 150,
) -> None:
    """Write the file ``ml-latest-small/ratings.csv``.

    Parameters
    ----------
    directory : Path
        The folder for ``train_dir`` and ``test_dir``; not ``ml-latest-small`` itself.
    seed : int, default 1
        Decides every byte.
    users, movies : int, default 671 and 2000
    ratings : int, default 150
        Ratings per user on average; each user has at least 20.

    Raises
    ------
    DataError
        If the folder exists and was not generated.
    """
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(SCARCE * movies, movies, replace=False)) + 1
    user, item = _seen(rng, users, movies, ratings)
    values = _rated(rng, users, movies)[user, item]
    times = BEGIN + rng.integers(0, YEAR, len(user))
    rows = zip(user + 1, ids[item], values, times, strict=True)
    with folders(directory, ["ml-latest-small"], seed) as (folder,):
        lines = [f"{who},{what},{value},{when}\n" for who, what, value, when in rows]
        text = "userId,movieId,rating,timestamp\n" + "".join(lines)
        (folder / "ratings.csv").write_text(text)


def _seen(
    rng: np.random.Generator, users: int, movies: int, ratings: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pairs of user and movie, sorted; a few movies are seen by most users."""
    fame = rng.permutation(1 / (10 + np.arange(movies)))
    counts = FEWEST + rng.exponential(max(ratings - FEWEST, 0), users).astype(int)
    seen = [
        np.sort(rng.choice(movies, min(count, movies), False, fame / fame.sum()))
        for count in counts
    ]
    return np.repeat(np.arange(users), [len(each) for each in seen]), np.concatenate(
        seen
    )


def _rated(rng: np.random.Generator, users: int, movies: int) -> Array:
    """Return each user's rating of each movie, from 0.5 to 5 in steps of 0.5."""
    tastes = rng.standard_normal((users, TASTES)) @ rng.standard_normal(
        (TASTES, movies)
    )
    scores = 3.5 + 0.6 * tastes / np.sqrt(TASTES)
    scores += 0.4 * rng.standard_normal((users, 1)) + 0.5 * rng.standard_normal(movies)
    scores += 0.4 * rng.standard_normal(scores.shape)
    rated: Array = (2 * scores).round().clip(1, 10) / 2
    return rated
