"""What scripts written for DecentralizePy import from, read of, and override in data sets."""

import importlib

import numpy as np
import pytest
import torch
from torch.utils.data import Subset, TensorDataset

from decentralizepy.datasets.Partitioner import DirichletDataPartitioner, Partition
from decentralizepy.datasets.stand_in import (
    celeba,
    cifar10,
    femnist,
    movielens,
    reddit,
    shakespeare,
)
from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models.Model import Model
from tests.support.labelled import Labelled
from tests.support.public_surface import methods

CONSTANTS = {
    "CIFAR10": {"NUM_CLASSES": 10},
    "Celeba": {"IMAGE_DIM": 84, "CHANNELS": 3, "NUM_CLASSES": 2},
    "Femnist": {"NUM_CLASSES": 62, "IMAGE_SIZE": (28, 28), "FLAT_SIZE": 784},
    "Reddit": {"VOCAB_LEN": 9999, "SEQ_LEN": 10, "EMBEDDING_DIM": 200},
    "Shakespeare": {
        "VOCAB_LEN": 92,
        "NUM_CLASSES": 92,
        "SEQ_LENGTH": 80,
        "EMBEDDING_DIM": 8,
        "HIDDEN_DIM": 256,
        "NUM_LAYERS": 2,
    },
    "text.AmazonReview": {"NUM_CLASSES": 5},
}


def module(name):
    return importlib.import_module(f"decentralizepy.datasets.{name}")


def of(name):
    return getattr(module(name), name.rpartition(".")[2])


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_can_be_imported(name):
    found = {key: getattr(module(name), key) for key in CONSTANTS[name]}
    assert found == CONSTANTS[name]


def test_characters_and_their_numbers_belong_together():
    plays = module("Shakespeare")
    assert [plays.char2idx[each] for each in "Aa"] == plays.Shakespeare.process(
        ["A", "a"]
    ).ravel().tolist()
    assert "".join(plays.idx2char[plays.Shakespeare.process(["King"])[0]]) == "King"
    assert plays.VOCAB[plays.char2idx["z"]] == "z"


def test_ratings_have_numbers():
    films = of("MovieLens")
    assert films.NUM_CLASSES == 10
    assert (films.RATING_DICT[0.5], films.RATING_DICT[5.0]) == (0, 9)


WRITERS = {
    "CIFAR10": (cifar10, {"train": 60, "test": 10}, (".", ".")),
    "Femnist": (
        femnist,
        {"writers": 4, "samples": 8, "per_file": 1},
        ("train", "test"),
    ),
    "Celeba": (celeba, {"persons": 4, "images": 5, "per_file": 1}, ("train", "test")),
    "Shakespeare": (
        shakespeare,
        {"roles": 4, "samples": 60, "per_file": 1},
        ("train", "test"),
    ),
    "Reddit": (
        reddit,
        {"users": 4, "comments": 5, "per_file": 1},
        ("data/train", "data/test"),
    ),
    "MovieLens": (movielens, {"users": 5, "movies": 60, "ratings": 25}, (".", ".")),
}
LEAF = ["Femnist", "Celeba", "Shakespeare", "Reddit"]
every_leaf = pytest.mark.parametrize("name", LEAF)


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Return a function that gives the folders of a small stand-in."""
    made = {}

    def options(name):
        if name not in made:
            writer, sizes, (train, test) = WRITERS[name]
            folder = tmp_path_factory.mktemp(name)
            writer.write(folder, **sizes)
            made[name] = {
                "train_dir": str(folder / train),
                "test_dir": str(folder / test),
            }
            if name == "Celeba":
                made[name]["images_dir"] = str(folder / "img_align_celeba")
        return made[name]

    return options


def node(kind, options):
    return kind(0, 0, Linear(1, 2), **options)


@every_leaf
def test_the_arrays_of_leafs_sets_are_there(name, options):
    dataset = node(of(name), options(name))
    assert len(dataset.train_x) == len(dataset.train_y) == len(dataset.trainset)
    assert len(dataset.test_x) == len(dataset.test_y) == len(dataset.testset)
    assert dataset.clients == dataset.get_client_ids()
    assert sum(dataset.num_samples) == len(dataset.trainset)
    assert len(dataset.num_samples) == len(dataset.clients)


@every_leaf
def test_arrays_that_a_subclass_loads_are_trained_and_tested_on(name, options):
    class Own(of(name)):
        def load_trainset(self):
            self.clients, self.num_samples = ["me"], [4]
            self.train_x, self.train_y = np.ones((4, 3), np.float32), np.arange(4) % 2

        def load_testset(self):
            self.test_x, self.test_y = np.zeros((2, 3), np.float32), np.ones(2, int)

    dataset = node(Own, options(name))
    (batch,) = dataset.get_trainset(8)
    assert batch[0].tolist() == [[1] * 3] * 4
    assert batch[1].tolist() == [0, 1, 0, 1]
    (batch,) = dataset.get_testset()
    assert batch[1].tolist() == [1, 1]
    assert dataset.get_label_distribution()[:2] == [2, 2]
    assert (dataset.clients, dataset.num_samples) == (["me"], [4])


@every_leaf
def test_a_subclass_may_add_to_what_is_loaded(name, options):
    class Half(of(name)):
        def load_trainset(self):
            super().load_trainset()
            self.trainset = Partition(self.trainset, range(2))

    assert len(node(Half, options(name)).get_trainset().dataset) == 2


def pairs():
    return TensorDataset(torch.arange(6.0).reshape(6, 1), torch.arange(6) % 2)


@pytest.mark.parametrize(
    ("made", "places"),
    [
        (pairs, [0, 1, 2, 3, 4, 5]),
        (lambda: Subset(pairs(), [1, 3]), [1, 3]),
        (lambda: Partition(pairs(), [4, 0]), [4, 0]),
    ],
    ids=["a set", "a subset", "a partition"],
)
def test_sets_of_torch_and_torchvision_are_taken(made, places, options):
    """They give one sample at a time, at a whole number."""

    class Own(of("CIFAR10")):
        def load_trainset(self):
            self.trainset = made()

        def load_testset(self):
            self.testset = pairs()

    dataset = node(Own, options("CIFAR10"))
    x = torch.cat([x for x, _ in dataset.get_trainset(4)])
    assert x.ravel().tolist() == places
    shuffled = torch.cat([x for x, _ in dataset.get_trainset(4, shuffle=True)])
    assert sorted(shuffled.ravel().tolist()) == sorted(places)
    assert len(torch.cat([y for _, y in dataset.get_testset()])) == 6


class Text(of("text.AmazonReview")):
    def load_trainset(self):
        self.train_x = {"input_ids": np.ones((3, 4), np.int64)}
        self.train_y = np.eye(5, dtype=np.float32)[:3]


def test_columns_of_reviews_that_a_subclass_loads_are_trained_on():
    dataset = Text(0, 0, Linear(1, 1), train_dir="anywhere")
    (batch,) = dataset.get_trainset(8, shuffle=False)
    assert batch["input_ids"].shape == (3, 4)
    assert batch["labels"].shape == (3, 5)


REPLACED = [
    (name, method)
    for name in [*WRITERS, "text.AmazonReview"]
    for method in of(name).replaced
]
MODELS = {
    "CIFAR10": "CNN",
    "Femnist": "LogisticRegression",
    "Celeba": "CNN",
    "Shakespeare": "LSTM",
    "Reddit": "RNN",
    "MovieLens": "MatrixFactorization",
}
SCRIPTS = {"get_client_ids", "get_client_id", "file_per_user"}  # for scripts alone


def public(name):
    """Return the methods of a data set in the table of DecentralizePy's names."""
    rows = {each.name for each in methods() if each.module == f"datasets.{name}"}
    of_class = {each.name for each in methods() if each.cls == name.rpartition(".")[2]}
    of_base = {each.name for each in methods() if each.cls == "Dataset"}
    return (rows & of_class | of_base) - {"__init__"}


@pytest.mark.parametrize("name", WRITERS)
def test_every_public_method_is_called_or_refused(name, options):
    """Else a subclass that overrides it changes nothing, and nobody says so."""
    parent = of(name)
    waiting = public(name) - parent.replaced.keys() - SCRIPTS

    def override(method):
        def called(self, *args, **kwargs):
            waiting.discard(method)
            return getattr(parent, method)(self, *args, **kwargs)

        return called

    kind = type("Own", (parent,), {each: override(each) for each in waiting})
    films = name == "MovieLens"  # without a validation set
    given = {} if films else {"validation_source": "Test", "validation_size": 0.5}
    dataset = node(kind, {**options(name), **given})
    model = dataset.make_model(getattr(module(name), MODELS[name]))
    live_with(dataset, model)
    waiting -= {"get_validationset", "validate"} if films else set()
    assert not waiting, "in the table, overridden and never called"


def test_every_public_data_set_is_walked():
    """The reviews need a tokenizer; their methods are those of the others."""
    modules = {each.module for each in methods() if each.module.startswith("datasets.")}
    others = {"Data", "Dataset", "Partitioner", "text.AmazonReview", "text.LLMData"}
    assert modules == {f"datasets.{name}" for name in MODELS.keys() | others}
    reviews = public("text.AmazonReview") - of("text.AmazonReview").replaced.keys()
    assert reviews <= set.union(*map(public, MODELS))


def live_with(dataset, model):
    """Call what a node calls: in training, evaluation, and the choice of peers."""
    next(iter(dataset.get_trainset(4, shuffle=True)))
    kind = (
        "MSELoss" if type(model).__name__.startswith("Matrix") else "CrossEntropyLoss"
    )
    loss = getattr(torch.nn, kind)()
    dataset.test(model, loss)
    if dataset.__validating__:
        dataset.validate(model, loss)
    dataset.get_label_distribution()


@pytest.mark.parametrize(("name", "method"), REPLACED)
def test_an_override_that_nothing_would_call_is_refused(name, method):
    """Before the start, with what to override instead."""
    kind = type("Own", (of(name),), {method: lambda self, *args: None})
    with pytest.raises(ConfigError, match=rf"Own: overrides {method}, .* override "):
        kind(-1, 0, Linear(1, 1), train_dir="x")


def test_who_loads_for_itself_may_call_what_it_likes():
    own = {"process": lambda self, x: x, "load_trainset": lambda self: None}
    assert type("Own", (of("Shakespeare"),), own)(0, 0, Linear(1, 1), train_dir="x")


def test_a_dirichlet_partition_may_be_drawn_by_a_subclass():
    class Own(DirichletDataPartitioner):
        def __getDirichletData__(self, labels, *rest):  # noqa: N802
            assert (list(labels), rest) == ([1, 0], (2, 7, 0.3, 2))
            return [[1], [0]], [0.5, 0.5]

    made = Own(Labelled([1, 0]), [0.5, 0.5], seed=7, alpha=0.3, num_classes=2)
    assert list(made.use(0)) == [10]
    assert (made.seed, made.alpha, made.num_classes) == (7, 0.3, 2)
    assert made.ratio == [0.5, 0.5]


def test_shares_of_a_dirichlet_partition_are_told():
    data = Labelled(np.arange(200) % 4)
    made = DirichletDataPartitioner(data, [0.5, 0.5], alpha=5, num_classes=4)
    assert made.ratio == [len(part) / 200 for part in made.partitions]


def test_layers_and_forward_of_the_residual_networks_may_be_overridden():
    class Wide(of("Femnist") and module("Femnist").RNET):
        def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
            self.made = [*getattr(self, "made", []), (planes, blocks, stride)]
            return super()._make_layer(block, planes, 1, stride)

        def _forward_impl(self, x):
            return -super()._forward_impl(x)

    torch.manual_seed(0)
    model = Wide().eval()
    assert model.made == [(32, 2, 1), (64, 2, 2), (128, 2, 2), (256, 2, 2)]
    x = torch.rand(1, 1, 28, 28)
    assert torch.equal(model(x), -module("Femnist").RNET._forward_impl(model, x))

    class Deep(module("CIFAR10").ResNet8):
        def _make_layer(self, block, planes, num_blocks, stride):
            return super()._make_layer(block, planes, 2, stride)

    assert len(Deep().layer3) == 2
    assert issubclass(Deep, Model)
