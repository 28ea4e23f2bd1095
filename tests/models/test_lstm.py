"""The recurrent networks: their published sizes, and that every input is looked at."""

import pytest
import torch

from decentralizepy.models.lstm import LSTM, RNN


@pytest.mark.parametrize(("model", "size"), [(LSTM, 2_683_708), (RNN, 4_317_895)])
def test_sizes_are_the_published_ones(model, size):
    made = model()
    assert made.count_params() == len(made.get_weights()) == size


@pytest.mark.parametrize(
    ("model", "length", "classes"), [(LSTM, 80, 92), (RNN, 10, 9999)]
)
def test_logits_depend_on_the_first_and_the_last_input(model, length, classes):
    """A network that looked at its last output only would forget, or be cut short."""
    torch.manual_seed(0)
    made = model()
    x = torch.full((3, length), 5)
    x[1, 0] = x[2, -1] = 7
    logits = made(x)
    assert logits.shape == (3, classes)
    assert not torch.equal(logits[0], logits[1])
    assert not torch.equal(logits[0], logits[2])


def test_the_pad_has_no_vector_and_gets_none():
    model = RNN()
    model(torch.zeros(2, 10, dtype=torch.int64)).sum().backward()
    assert not model.embedding.weight[0].any()
    assert not model.embedding.weight.grad[0].any()
