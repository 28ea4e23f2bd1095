"""Breaks when steps of rows differ from those of nodes, or the slower way is taken."""

import pytest
import torch

from decentralizepy.mappings.Linear import Linear as Places
from decentralizepy.models.flat import Flat
from decentralizepy.training import many
from decentralizepy.training.many import TRIALS, WARM_UP, ManySteps
from decentralizepy.training.Training import Training
from tests.support.toy import Linear

NODES = 3


@pytest.fixture
def trainer():
    model = Linear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = torch.nn.CrossEntropyLoss()
    return Training(0, 0, Places(1, 1), model, optimizer, loss, "")


def taken(steps, count):
    """Take steps from models that differ; return them."""
    generator = torch.Generator().manual_seed(1)
    models = torch.randn(NODES, steps.flat.size, generator=generator)
    data = torch.randn(NODES, 4, 4, generator=generator)
    target = torch.randint(2, (NODES, 4), generator=generator)
    for _ in range(count):
        steps.take(models, range(NODES), data, target)
    return models


def test_rows_take_the_steps_of_single_models(trainer):
    flat = Flat(trainer.model)
    alone = ManySteps(trainer, flat)
    alone.apart = True
    together = ManySteps(trainer, flat)
    assert torch.allclose(taken(together, 3), taken(alone, 3), atol=1e-6)
    assert not together.apart


@pytest.mark.parametrize("seconds", [1.0, 3.0])
def test_the_way_that_took_less_time_in_the_trials_is_taken(
    trainer, monkeypatch, caplog, seconds
):
    """Together, steps take 2 s of a clock that nothing else moves."""
    clock, steps = [0.0], ManySteps(trainer, Flat(trainer.model), auto=True)
    for name, cost in (("_together", 2.0), ("_one_by_one", seconds)):
        work = getattr(steps, name)

        def timed(*args, work=work, cost=cost):
            clock[0] += cost
            return work(*args)

        monkeypatch.setattr(steps, name, timed)
    monkeypatch.setattr(many.time, "process_time", lambda: clock[0])
    taken(steps, WARM_UP + TRIALS)
    assert steps.apart is (seconds < 2)
    assert ("that is faster here" in caplog.text) is steps.apart
