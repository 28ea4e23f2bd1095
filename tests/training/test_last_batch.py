"""A last batch of one sample ends a run before its first step, or not at all."""

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.training.Training import Training


def normalised():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))


def trained(samples, model, **options):
    dataset = Dataset(0, 0, Linear(1, 1), **options)
    dataset.trainset = Data(torch.randn(samples, 4), torch.arange(samples) % 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = (0, 0, None, model, optimizer, nn.CrossEntropyLoss(), ".")
    training = Training(*parts, rounds=1, full_epochs=True, batch_size=8)
    training.train(dataset)
    return training


def test_a_single_sample_that_batch_norm_cannot_take_is_told_before_a_step():
    """It ended the run with a ValueError at the end of the first epoch."""
    model = normalised()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    told = r"\[TRAIN_PARAMS\] batch_size = 8: the last batch .* one sample .* 17, .*drop_last"
    with pytest.raises(ConfigError, match=told):
        trained(17, model)
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


@pytest.mark.parametrize("samples", [8, 16, 18])
def test_other_sizes_are_trained_on(samples):
    assert trained(samples, normalised()).model[1].num_batches_tracked == -(
        -samples // 8
    )


def test_the_last_batch_may_be_left_out():
    model = trained(17, normalised(), drop_last=True).model
    assert model[1].num_batches_tracked == 2


def test_a_model_that_can_take_one_sample_is_trained_as_without_the_check():
    """Two positions of a sample are enough: the trial changes no bit of the model."""

    def model():
        torch.manual_seed(3)
        spread = nn.Unflatten(1, (2, 2))
        return nn.Sequential(spread, nn.BatchNorm1d(2), nn.Flatten(), nn.Dropout(0.5))

    single = nn.Sequential(model(), nn.Linear(4, 3))
    torch.manual_seed(5)
    trained(17, single)
    assert single[0][1].num_batches_tracked == 3


def test_a_loader_of_the_users_is_checked_too():
    class Own(Dataset):
        def get_trainset(self, batch_size=1, shuffle=False):
            pairs = TensorDataset(torch.randn(9, 4), torch.arange(9) % 3)
            return DataLoader(pairs, batch_size)

    model = normalised()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    parts = (0, 0, None, model, optimizer, nn.CrossEntropyLoss(), ".")
    with pytest.raises(ConfigError, match="one sample of this node's 9"):
        Training(*parts, batch_size=8).train(Own(0, 0, Linear(1, 1)))
