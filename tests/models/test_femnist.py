"""FEMNIST's networks: the published sizes, and what each must tell apart."""

import pytest
import torch

from decentralizepy.models.femnist import CNN, RNET, LogisticRegression


@pytest.mark.parametrize(
    ("model", "parameters", "state"),
    [
        (LogisticRegression, 48_670, 48_670),
        (CNN, 1_690_046, 1_690_046),
        (RNET, 2_811_678, 2_816_498),
    ],
)
def test_networks_have_the_published_sizes(model, parameters, state):
    """Breaks when byte counts are no longer comparable with DecentralizePy's."""
    made = model()
    assert made.count_params() == parameters
    assert len(made.get_weights()) == state
    assert made(torch.zeros(2, 1, 28, 28)).shape == (2, 62)


def test_the_residual_network_starts_with_variance_kept():
    """He et al.'s normal of variance 2 / (planes x kernel), from the output's side."""
    torch.manual_seed(0)
    weight = RNET().layer4[1].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)


@pytest.mark.parametrize("model", [LogisticRegression, CNN, RNET])
def test_a_few_steps_of_a_network_lessen_the_loss(model):
    torch.manual_seed(0)
    made, x, y = model(), torch.rand(4, 1, 28, 28), torch.arange(4) % 2
    optimizer = torch.optim.SGD(made.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        losses.append(torch.nn.functional.cross_entropy(made(x), y))
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.1
