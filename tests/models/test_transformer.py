"""Breaks when a pretrained transformer is not a model like the others."""

import subprocess
import sys

import pytest
import torch

from decentralizepy.errors import ConfigError, DataError
from decentralizepy.models import transformer
from decentralizepy.models.transformer import BERT, MobileBERT, Transformer, pretrained
from tests.support import tiny_bert

BATCH = {
    "input_ids": torch.tensor([[2, 12, 18, 3]]),
    "attention_mask": torch.ones(1, 4),
    "labels": torch.eye(5)[:1],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert.write_model(tmp_path_factory.mktemp("tiny"))


def make(folder, seed=1):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Transformer(folder).eval()


def test_the_loss_is_that_of_a_question_for_each_class(folder):
    loss, logits = make(folder)(**BATCH)[:2]
    expected = torch.nn.BCEWithLogitsLoss()(logits, BATCH["labels"])
    assert loss.item() == pytest.approx(expected.item())


def test_the_new_head_depends_on_the_seed_alone(folder):
    """Nodes that start apart would average heads that mean different things."""
    one, same, other = (make(folder, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    differing = [name for name in one if not torch.equal(one[name], other[name])]
    assert differing == ["model.classifier.weight"]


def test_it_is_a_model(folder, tmp_path):
    """Nodes end with ``dump_weights`` and read ``shared_parameters_counter``."""
    model = make(folder)
    assert model.shared_parameters_counter is None
    model.dump_weights(str(tmp_path), 3, 7)
    other = make(folder, seed=2)
    other.load_weights(tmp_path / "7_weight_3.pt")
    assert torch.equal(model.get_weights(), other.get_weights())
    assert model.get_weights().dtype == torch.float32


def test_what_it_lacks_is_looked_up_in_the_wrapped_model(folder):
    model = make(folder)
    assert model.config.num_labels == 5
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = model.no_such_thing


def test_a_head_of_other_size_is_replaced(folder, tmp_path):
    Transformer(folder, classes=3).model.save_pretrained(tmp_path)
    assert make(str(tmp_path)).config.num_labels == 5


def test_loading_is_silent_and_leaves_the_library_as_it_was(folder, capfd):
    from transformers.utils import logging as library

    before = library.get_verbosity(), library.is_progress_bar_enabled()
    make(folder)
    assert capfd.readouterr() == ("", "")
    assert (library.get_verbosity(), library.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("model", [BERT, MobileBERT])
def test_without_the_hub_it_is_one_line_at_once(model, monkeypatch):
    asked = []

    def session():
        asked.append(1)
        raise OSError("no route")

    names = {"BERT_NAME": "nobody/none", "MOBILE_BERT_NAME": "nobody/none"}
    for name, value in names.items():
        monkeypatch.setattr(transformer, name, value)
    monkeypatch.setattr("huggingface_hub.get_session", session)
    with pytest.raises(
        DataError, match=r"nobody/none: not in the Hugging Face cache.*FOLDER"
    ) as one:
        model()
    assert "\n" not in str(one.value)
    assert asked == [1]


@pytest.mark.parametrize("content", [None, "{", '{"model_type": "none"}'])
def test_a_folder_without_a_model_is_one_line(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataError, match=f"{tmp_path}: cannot be loaded: ") as one:
        Transformer(str(tmp_path))
    assert "\n" not in str(one.value)


def test_without_the_library_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"pip install decentralizepy\[llm\]"):
        pretrained("AutoConfig", "anything")


def test_a_torchvision_for_another_torch_does_no_harm(folder, tmp_path):
    """A CUDA build beside a CPU torch is what package indexes easily install."""
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('operator not found')")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from decentralizepy.datasets.text.AmazonReview import Transformer\n"
        "assert 'transformers' not in sys.modules\n"
        f"Transformer({folder!r})\n"
        "assert 'torchvision' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
