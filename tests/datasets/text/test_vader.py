"""Breaks when the real sentences of Amazon reviews are not what the tests think."""

import csv

import pytest

from decentralizepy.datasets.text import vader
from decentralizepy.errors import DataError


@pytest.fixture
def source(tmp_path):
    """Ten reviews of one to ten sentences; quotes and commas mean nothing in it."""
    lines = [
        f'{review}_{n}\t{review - 5.5:.1f}\tsaid "{n}, of {review}'
        for review in range(1, 11)
        for n in range(review)
    ]
    path = tmp_path / "source.txt"
    path.write_bytes("\r\n".join(lines).encode())
    return path


def written(folder):
    """Return the texts of each file, by its name."""
    texts = {}
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        texts[str(path.relative_to(folder))] = [row["data_path"] for row in rows]
        assert all(int(row["label_name"]) == int(row["label_id"]) + 1 for row in rows)
    return texts


@pytest.mark.parametrize(
    ("score", "stars"),
    [(-4, 1), (-2.5, 1), (-2.4, 2), (-0.8, 3), (0, 3), (0.79, 3), (0.8, 4), (4, 5)],
)
def test_a_score_becomes_stars_by_bins_of_equal_width(score, stars):
    assert vader.stars(score) == stars


def test_every_sentence_is_in_one_file_and_reviews_stay_together(source, tmp_path):
    vader.write(source, tmp_path / "out", clients=3)
    texts = written(tmp_path / "out")
    names = ["test/test.csv", "train/000.csv", "train/001.csv", "train/002.csv"]
    assert list(texts) == names
    reviews = [{text.rpartition(" ")[2] for text in part} for part in texts.values()]
    assert [len(part) for part in reviews] == [2, 3, 3, 2]
    assert len(set.union(*reviews)) == 10
    assert len(set().union(*texts.values())) == sum(map(len, texts.values())) == 55


def test_the_seed_decides(source, tmp_path):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        vader.write(source, tmp_path / name, clients=2, seed=seed)
    a, b, c = (written(tmp_path / name) for name in "abc")
    assert a == b != c


@pytest.mark.parametrize("clients", [0, 9])
def test_a_client_needs_a_review(source, tmp_path, clients):
    with pytest.raises(DataError, match="expected 1 to 8, of 10 reviews"):
        vader.write(source, tmp_path / "out", clients)


@pytest.mark.parametrize("line", ["1_1\t0.5", "1_1\tgood\ttext"])
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "source.txt"
    path.write_text(f"1_0\t1\tfine\n{line}\n")
    with pytest.raises(DataError, match=r"source.txt, line 2: expected an id, a score"):
        vader.write(path, tmp_path, 1)
