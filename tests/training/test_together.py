"""Breaks when nodes that train together take other steps than each of them alone."""

import pytest
import torch

from decentralizepy.training._together import Step
from decentralizepy.training.Training import Training
from tests.support.together import Counting, Linear, Lone, Normed, Scattering, Steady

cross_entropy = torch.nn.functional.cross_entropy


def make(
    seed=0,
    lr=0.1,
    model=Linear,
    cls=Training,
    loss=cross_entropy,
    momentum=0.0,
    **options
):
    """Return the trainer of a node, whose initial weights depend on ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = model()
    optimizer = torch.optim.SGD(built.parameters(), lr=lr, momentum=momentum)
    return cls(0, 0, None, built, optimizer, loss, ".", **options)


def batch(seed, size=4):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(size, 4, generator=generator)
    return x, (x[:, 0] > 0).long()


def vector(trainer):
    return torch.cat([each.detach().flatten() for each in trainer.model.parameters()])


@pytest.mark.parametrize("loss", [cross_entropy, torch.nn.CrossEntropyLoss()])
def test_each_node_takes_its_own_step(loss):
    """Each has weights, data and a rate of its own; five of them, three steps."""
    rates = [0.1, 0.2, 0.0, 1.0, 0.3]
    alone, together = (
        [make(seed, lr, loss=loss) for seed, lr in enumerate(rates)] for _ in range(2)
    )
    before = vector(alone[2])
    for number in range(3):
        batches = [batch(10 * number + seed) for seed in range(len(rates))]
        steps = [
            Step(each, *data) for each, data in zip(together, batches, strict=True)
        ]
        assert not any(step.obstacle for step in steps)
        assert len({step.key for step in steps}) == 1
        losses = Step.together(steps)
        expected = [
            each.trainstep(*data) for each, data in zip(alone, batches, strict=True)
        ]
        assert losses == pytest.approx(expected, rel=1e-5)
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(vector(other), vector(one), rtol=1e-5, atol=1e-6)
    assert torch.equal(vector(together[2]), before)


def test_one_step_by_hand():
    """y = w x with w = 1, and (w x - y)^2: w becomes w - lr 2 x (w x - y)."""

    def squared(output, target):
        return ((output - target) ** 2).mean()

    def slope():
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(model.weight)
        return model

    trainers = [make(lr=lr, model=slope, loss=squared) for lr in (0.1, 0.5)]
    data = [(torch.tensor([[2.0]]), torch.tensor([[3.0]]))] * 2
    steps = [Step(each, *one) for each, one in zip(trainers, data, strict=True)]
    assert Step.together(steps) == [1.0, 1.0]
    weights = [vector(each).item() for each in trainers]
    assert weights == pytest.approx([1 + 0.1 * 4, 1 + 0.5 * 4])


def test_batches_of_other_sizes_are_other_work():
    keys = {Step(make(), *batch(0, size)).key for size in (4, 3, 4)}
    assert len(keys) == 2


def test_losses_with_other_options_are_other_work():
    losses = [torch.nn.CrossEntropyLoss(label_smoothing=each) for each in (0, 0.1, 0)]
    assert len({Step(make(loss=loss), *batch(0)).key for loss in losses}) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"momentum": 0.9}, "SGD is not plain SGD with one rate for all parameters"),
        ({"model": Normed}, "Normed has buffers, as those of BatchNorm"),
        (
            {"model": Scattering},
            "Scattering has dropout, which draws from each node's own generator",
        ),
        ({"model": Counting}, "Counting has extra state"),
        ({"cls": Steady}, "Steady overrides trainstep"),
        ({"precision": "bf16"}, "[TRAIN_PARAMS] compile or precision is set"),
        (
            {"loss": torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0]))},
            "CrossEntropyLoss has tensors of its own",
        ),
    ],
    ids=str,
)
def test_what_has_to_be_done_alone_says_why(options, told):
    trainer, same = make(**options), make(**options)
    lone = Lone()
    trainer.batch_with(lone)
    losses = []
    with torch.random.fork_rng(devices=[]):
        for each in (trainer, same):
            torch.manual_seed(1)  # of dropout
            losses.append(each.trainstep(*batch(0)))
    assert ("training steps", told) in lone.told
    assert losses[0] == losses[1]
    assert torch.equal(vector(trainer), vector(same))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda model: model.fc.bias.requires_grad_(False), "that are not trained"),
        (lambda model: model.fc.register_forward_hook(print), "has hooks"),
        (lambda model: model.fc.bias.register_hook(print), "has hooks"),
    ],
    ids=["frozen", "hook of a module", "hook of a parameter"],
)
def test_what_was_done_to_a_model_stands_in_the_way(change, told):
    trainer = make()
    change(trainer.model)
    assert Step(trainer, *batch(0)).obstacle.endswith(told)


def test_parameters_with_rates_of_their_own_stand_in_the_way():
    trainer = make()
    groups = [{"params": [each]} for each in trainer.model.parameters()]
    trainer.reset_optimizer(torch.optim.SGD(groups, lr=0.1))
    assert "one rate for all" in Step(trainer, *batch(0)).obstacle


def test_a_batch_that_is_a_dict_stands_in_the_way():
    assert Step(make(), {"x": torch.ones(1)}, None).obstacle


def test_the_trainer_of_a_checkpoint_does_not_keep_how_nodes_meet():
    trainer = make(cls=Steady)
    trainer.batch_with(Lone())
    trainer.trainstep(*batch(0))
    assert not {"batching", "kind"} & trainer.state_dict().keys()
