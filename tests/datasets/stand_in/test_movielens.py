"""The stand-in for MovieLens: its CSV, and that users and films foretell ratings."""

import csv

import numpy as np
import pytest

from decentralizepy.datasets.stand_in import movielens


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    directory = tmp_path_factory.mktemp("movielens")
    movielens.write(directory, users=200, movies=300, ratings=60)
    with (directory / "ml-latest-small/ratings.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_the_file_has_a_header_and_four_columns(rows):
    assert rows[0] == ["userId", "movieId", "rating", "timestamp"]
    assert {len(row) for row in rows} == {4}
    assert {row[2] for row in rows[1:]} == {f"{half / 2}" for half in range(1, 11)}
    users = [int(row[0]) for row in rows[1:]]
    assert users == sorted(users)
    assert set(users) == set(range(1, 201))
    assert min(map(users.count, set(users))) >= 20


def test_a_film_is_rated_once_by_a_user_and_ids_have_gaps(rows):
    pairs = {(row[0], row[1]) for row in rows[1:]}
    assert len(pairs) == len(rows) - 1
    movies = {int(row[1]) for row in rows[1:]}
    assert len(movies) <= 300 < max(movies)


def test_a_few_films_have_most_of_the_ratings(rows):
    _, counts = np.unique([row[1] for row in rows[1:]], return_counts=True)
    assert np.sort(counts)[-60:].sum() > 0.4 * counts.sum()


def test_means_of_users_and_films_beat_the_majority(rows):
    user, item, rating = np.array([row[:3] for row in rows[1:]], dtype=float).T
    user, item = user.astype(int), item.astype(int)
    is_test = np.random.default_rng(1).random(len(user)) < 0.3
    train = ~is_test
    mean = rating[train].mean()
    left = rating - mean
    by_user = means(user[train], left[train], user.max())
    by_item = means(item[train], left[train] - by_user[user[train]], item.max())
    guess = mean + by_user[user] + by_item[item]
    right = np.round(2 * guess.clip(0.5, 5)) / 2 == rating
    values, counts = np.unique(rating[train], return_counts=True)
    assert right[is_test].mean() > (rating == values[counts.argmax()])[is_test].mean()
    rmse = np.sqrt(((guess - rating)[is_test] ** 2).mean())
    assert rmse < 0.85 * left[is_test].std()


def means(groups, values, largest):
    """Return the mean of each group, drawn to 0 where it has few values."""
    sums = np.bincount(groups, values, largest + 1)
    return sums / (np.bincount(groups, minlength=largest + 1) + 5)
