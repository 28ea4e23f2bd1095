"""MovieLens: the files as they come, who has which ratings, and what is measured."""

import io
import math
import urllib.request
import zipfile
from collections import Counter
from email.message import Message
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given

from decentralizepy.datasets.MovieLens import (
    MatrixFactorization,
    MovieLens,
    download_movie_lens,
)
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models import Model

HEADER = "userId,movieId,rating,timestamp\n"
REAL = Path(__file__).parents[1] / "data" / "cache" / "movielens"
needs_real = pytest.mark.skipif(
    not (REAL / "ml-100k.inter").is_file(), reason="bash tests/data/fetch.sh brings it"
)


def random_rows(users=5, seed=0):
    """Return (user, item, rating) in no order; ids have gaps, users differ in size."""
    rng = np.random.default_rng(seed)
    rows = [
        (10 * user, int(item), int(rng.integers(1, 11)) / 2)
        for user in range(1, users + 1)
        for item in rng.choice(range(100, 200, 3), 2 * user + 1, replace=False)
    ]
    return [rows[place] for place in rng.permutation(len(rows))]


ROWS = random_rows()


def write(folder, rows, name="ml-latest-small/ratings.csv", header=HEADER):
    """Write ``rows``, each with a time, and return the folder as an option."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    delimiter = "," if name.endswith("csv") else "\t"
    lines = [delimiter.join(map(str, (*row, 978300760))) for row in rows]
    path.write_text(header + "\n".join(lines) + "\n")
    return str(folder)


def node(folder, uid=0, nodes=1, **options):
    directories = {"train_dir": folder, "test_dir": folder}
    return MovieLens(uid, 0, Linear(1, nodes), **{**directories, **options})


def triples(part):
    x, y = part[:]
    return [
        (*pair, rating) for pair, rating in zip(x.tolist(), y.tolist(), strict=True)
    ]


def renumbered(rows):
    """Return ``rows`` with ids that count from 1."""
    users = sorted({user for user, _, _ in rows})
    items = sorted({item for _, item, _ in rows})
    return [(users.index(u) + 1, items.index(i) + 1, rating) for u, i, rating in rows]


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path, ROWS)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("ml-latest-small/ratings.csv", HEADER),
        ("ratings.csv", HEADER),
        ("ratings.csv", "\ufeff" + HEADER),
        ("ml-100k/u.data", ""),
        ("u.data", ""),
        (
            "ml-100k.inter",
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
        ),
    ],
)
def test_each_form_of_the_file_gives_the_same_ratings(tmp_path, name, header):
    alone = node(write(tmp_path, ROWS, name, header))
    both = triples(alone.trainset) + triples(alone.testset)
    assert sorted(both) == sorted(renumbered(ROWS))
    assert (alone.n_users, alone.n_items) == (5, len({item for _, item, _ in ROWS}))


def test_machines_compare_the_ratings_of_all_users(folder):
    whole = node(folder)
    for name in ("trainset", "testset"):
        for uid in (0, 1):
            told = node(folder, uid=uid, nodes=2).whole(name)
            assert triples(told) == triples(getattr(whole, name))
            assert isinstance(vars(told)["x"], np.ndarray)


def test_a_batch_is_pairs_counted_from_1_and_ratings(folder):
    x, y = next(iter(node(folder).get_trainset(4, shuffle=True)))
    assert (x.shape, x.dtype) == ((4, 2), torch.int64)
    assert (y.shape, y.dtype) == ((4,), torch.float32)
    assert x.min() >= 1


@pytest.mark.parametrize("seed", [0, 1234, 2**32 - 1])
def test_each_users_ratings_to_train_on_are_those_that_pandas_samples(tmp_path, seed):
    """The same in the same order: runs must equal those of DecentralizePy."""
    rows = random_rows(users=12, seed=1)
    alone = node(write(tmp_path, rows), random_seed=seed)
    frame = pd.DataFrame(renumbered(rows), columns=["user", "item", "rating"])
    train, test = [], []
    for _, own in frame.groupby("user"):
        sampled = own.sample(frac=0.7, random_state=seed)
        train += sampled.itertuples(index=False, name=None)
        test += own.drop(sampled.index).itertuples(index=False, name=None)
    assert triples(alone.trainset) == train
    assert triples(alone.testset) == test


def test_a_seed_beyond_what_pandas_takes_is_one_too(folder):
    assert triples(node(folder, random_seed=-1).trainset)


@given(users=st.integers(1, 30), nodes=st.integers(1, 8))
def test_nodes_have_blocks_of_users_the_first_one_more(tmp_path_factory, users, nodes):
    """Breaks if a user is lost, is on two nodes, or trains here and is tested there."""
    rows = [(user, item, 3.0) for user in range(1, users + 1) for item in (1, 2)]
    folder = write(tmp_path_factory.mktemp("ratings"), rows)
    if users < nodes:
        with pytest.raises(
            DataError, match=f"{users} users are too few for {nodes} no"
        ):
            node(folder, 0, nodes)
        return
    parts = []
    for uid in range(nodes):
        own = node(folder, uid, nodes)
        trained, tested = (
            [u for u, _, _ in triples(p)] for p in (own.trainset, own.testset)
        )
        assert trained == tested
        parts.append(trained)
    assert [user for part in parts for user in part] == list(range(1, users + 1))
    extra = users % nodes
    expected = [users // nodes + 1] * extra + [users // nodes] * (nodes - extra)
    assert [len(part) for part in parts] == expected


def test_sizes_are_shares_of_the_users(folder):
    parts = [node(folder, uid, 2, sizes=[0.8, 0.2]).trainset for uid in (0, 1)]
    assert [{u for u, _, _ in triples(part)} for part in parts] == [{1, 2, 3, 4}, {5}]


def test_only_local_divides_among_the_nodes_of_a_machine(folder):
    here = MovieLens(1, 1, Linear(2, 2), train_dir=folder, only_local=True)
    assert {user for user, _, _ in triples(here.trainset)} == {4, 5}


def test_a_service_is_tested_on_all_users(folder):
    """A parameter server has no train_dir; its model must fit those of its clients."""
    service = node(folder, -1, 2, train_dir="")
    clients = [node(folder, uid, 2) for uid in (0, 1)]
    everybody = [each for client in clients for each in triples(client.testset)]
    assert triples(service.testset) == everybody
    assert (service.n_users, service.n_items) == (
        clients[0].n_users,
        clients[0].n_items,
    )
    with pytest.raises(RuntimeError, match="no training set"):
        service.get_trainset()


def test_a_service_with_both_folders_has_no_part_to_train_on(folder):
    service = node(folder, -1, 2)
    assert not service.__training__
    assert service.trainset is None


def test_without_test_dir_there_is_no_test(folder):
    learner = node(folder, test_dir="")
    assert not learner.__testing__
    with pytest.raises(RuntimeError, match="no test set"):
        learner.test(torch.nn.Identity(), None)


class Fixed(Model):
    """Predicts by the number of the item."""

    def __init__(self, *predictions):
        super().__init__()
        self.predictions = torch.tensor(predictions)

    def forward(self, x):
        return self.predictions[x[:, 1] - 1]


@pytest.mark.parametrize("batch", ["", 1, 3])
def test_the_measure_is_right_halves_and_the_rmse(tmp_path, batch):
    """One user rates 13 items with 4; 4 of them, by the seed, are for the test."""
    alone = node(
        write(tmp_path, [(1, item, 4.0) for item in range(1, 14)]),
        test_batch_size=batch,
    )
    tested = [item for _, item, _ in triples(alone.testset)]
    assert len(tested) == 4
    predictions = torch.zeros(13)
    predictions[[item - 1 for item in tested]] = torch.tensor([3.76, 4.24, 4.26, 6.0])
    model = Fixed(*predictions.tolist()).train()
    accuracy, rmse = alone.test(model, torch.nn.MSELoss())
    assert accuracy == 50
    squares = [0.24**2, 0.24**2, 0.26**2, 2.0**2]
    assert rmse == pytest.approx(math.sqrt(sum(squares) / 4), rel=1e-6)
    assert model.training


@pytest.mark.parametrize(("rating", "predicted"), [(5.0, 70.0), (0.5, -3.0)])
def test_what_is_out_of_range_counts_as_its_end(tmp_path, rating, predicted):
    alone = node(write(tmp_path, [(1, item, rating) for item in range(1, 5)]))
    assert alone.test(Fixed(*[predicted] * 4), None)[0] == 100
    assert alone.test(Fixed(*[math.nan] * 4), None)[0] == 0


def test_labels_are_counted_by_halves(folder):
    """KNN compares these counts; they were not to be had in DecentralizePy."""
    alone = node(folder)
    counts = Counter(rating for _, _, rating in triples(alone.trainset))
    assert alone.get_label_distribution() == [counts[n / 2] for n in range(1, 11)]


class Sized(MatrixFactorization):
    def __init__(self, n_users, n_items):
        super().__init__(n_users, n_items, n_factors=3)


class Unsized(Model):
    def __init__(self, width=7):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(width))


@pytest.mark.parametrize(
    ("model_class", "size"),
    [(MatrixFactorization, 7 * 20), (Sized, 7 * 3), (Unsized, 7)],
)
def test_a_model_is_as_large_as_the_data_if_it_can_be(tmp_path, model_class, size):
    alone = node(
        write(tmp_path, [(u, i, 1.0) for u in range(1, 4) for i in range(1, 5)])
    )
    assert alone.make_model(model_class).count_params() == size


def test_nodes_of_a_machine_share_the_ratings(folder):
    """After a fork what the launcher read costs a node no memory of its own."""
    MovieLens.prepare(train_dir=folder, test_dir=folder, random_seed=1)
    first, again = (node(folder, 1, 2, random_seed=1) for _ in range(2))
    assert first.trainset.x.data_ptr() == again.trainset.x.data_ptr()


GOOD = "1,296,4.0,978300760\n"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "line 1: ''"),
        (HEADER, "line 2: ''"),
        (
            "movieId,title,genres\n1,Toy Story,Comedy\n",
            "line 1: 'movieId,title,genres'",
        ),
        (HEADER + "1,2,5.5,9\n", "line 2: '1,2,5.5,9': expected a user and an item"),
        (HEADER + GOOD + "1,2,0.0,9\n", "line 3"),
        (HEADER + GOOD + "1,2,3.3,9\n", "line 3"),
        (HEADER + GOOD + "1,2,nan,9\n", "line 3"),
        (HEADER + GOOD + "0,2,3.0,9\n", "line 3: '0,2,3.0,9'"),
        (HEADER + GOOD + "1,-2,3.0,9\n", "line 3"),
        (HEADER + GOOD + "1.5,2,3.0,9\n", "line 3"),
        (HEADER + GOOD + "1," + 400 * "9" + ",3.0,9\n", "line 3"),
        (HEADER + GOOD + "\n" + GOOD, "line 3: ''"),
        (HEADER + GOOD + "1,2,3.", "line 3: '1,2,3.': .* 4 columns"),
        (HEADER + GOOD + "1", "line 3: '1'"),
        (GOOD + "1,2", "line 2"),
        (
            HEADER + GOOD + "2,296,1.0,9\n1,296,3.0,9\n",
            "line 4: its user has rated its item in line 2",
        ),
        (b"\xff\xd8\xff\xe0", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, content, complaint):
    path = tmp_path / "ratings.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=rf"ratings\.csv: {complaint}") as raised:
        MovieLens.prepare(train_dir=str(tmp_path))
    assert "\n" not in str(raised.value)


def test_a_folder_without_ratings_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"none of ml-latest-small/ratings\.csv, .*data"
    ):
        MovieLens.prepare(train_dir=str(tmp_path))


def test_without_a_folder_it_says_so():
    with pytest.raises(DataError, match=r"\[DATASET\] train_dir, test_dir: expected"):
        MovieLens.prepare()


def test_a_validation_set_is_refused(folder):
    with pytest.raises(ConfigError, match=r"validation_size = 0\.1: MovieLens has no"):
        MovieLens.prepare(
            train_dir=folder, validation_source="Train", validation_size=0.1
        )
    with pytest.raises(RuntimeError, match="no validation set"):
        node(folder).get_validationset()


def test_a_node_without_ratings_to_be_tested_on_says_so(tmp_path):
    folder = write(tmp_path, [(1, 1, 3.0), (2, 1, 3.0), (2, 2, 3.0)])
    assert len(node(folder, 1, 2).testset) == 1
    with pytest.raises(DataError, match="node 0 gets no ratings to be tested on"):
        node(folder, 0, 2)
    with pytest.raises(DataError, match="node 0 gets no ratings to train on"):
        node(folder, 0, 2, sizes=[0, 1])


@pytest.fixture
def host(monkeypatch):
    """Return the members of the archive that the publisher sends."""
    members = {}

    def urlopen(url, timeout):
        assert url.endswith("/ml-latest-small.zip")
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        packed.seek(0)
        packed.headers = Message()
        return packed

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return members


def test_what_is_downloaded_can_be_read(tmp_path, host):
    host["ml-latest-small/ratings.csv"] = HEADER + GOOD
    target = tmp_path / "new"
    download_movie_lens(str(target))
    assert [path.name for path in target.iterdir()] == ["ml-latest-small"]
    MovieLens.prepare(train_dir=str(target))
    with pytest.raises(DataError, match="new: ml-latest-small cannot be written"):
        download_movie_lens(str(target))


def test_an_archive_that_leads_out_of_the_folder_is_refused(tmp_path, host):
    host["../escaped.csv"] = HEADER
    with pytest.raises(DataError, match="lies outside"):
        download_movie_lens(str(tmp_path / "new"))
    assert not list(tmp_path.rglob("*.csv"))


@pytest.fixture
def one_thread():
    """Small steps: threads that wait for each other would make up most of the time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.dataset
@needs_real
@pytest.mark.usefixtures("one_thread")
def test_factors_beat_the_mean_of_the_real_ratings():
    alone = node(str(REAL))
    assert (alone.n_users, alone.n_items) == (943, 1682)
    assert len(alone.trainset) + len(alone.testset) == 100_000
    torch.manual_seed(0)
    model, loss = alone.make_model(MatrixFactorization), torch.nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=4)
    for _ in range(5):
        for x, y in alone.get_trainset(256, shuffle=True):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
    assert alone.test(model, loss)[1] < 1.0 < float(alone.testset.y.std())
