"""Breaks when training takes other steps than the INI file says."""

import shutil
from functools import partial

import pytest
import torch

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.mappings.Linear import Linear
from decentralizepy.models.flat import Flat
from decentralizepy.training.Training import Training


def squared(output, target):
    return ((output - target) ** 2).mean()


class Slope(torch.nn.Module):
    """y = w x, in two modes that differ."""

    def __init__(self):
        super().__init__()
        self.w = torch.nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        return self.w * x if self.training else self.w * x + 1


def make_dataset(samples):
    dataset = Dataset(0, 0, Linear(1, 1))
    x = torch.arange(1.0, samples + 1)
    dataset.trainset = Data(x, 2 * x)
    return dataset


def make(loss=squared, lr=0.0, **options):
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    return Training(0, 0, None, model, optimizer, loss, ".", **options)


class Seen(Training):
    """Remembers the data of each step instead of taking it."""

    def trainstep(self, data, target):
        self.seen = [*getattr(self, "seen", []), data.tolist()]
        return 0.0


def see(**options):
    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return Seen(0, 0, None, model, optimizer, squared, ".", **options)


def test_an_optimizer_that_needs_a_closure_gets_one():
    """LBFGS finds the minimum of a parabola, w = 2, in one step of two evaluations."""
    trainer = make()
    options = {"lr": 1, "max_iter": 20, "line_search_fn": "strong_wolfe"}
    trainer.optimizer = torch.optim.LBFGS(trainer.model.parameters(), **options)
    loss = trainer.trainstep(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    assert loss == 10  # (4 + 16) / 2, before the step
    assert trainer.model.w.item() == pytest.approx(2, abs=1e-5)


def test_one_step_by_hand():
    trainer = make(lr=0.1)
    loss = trainer.trainstep(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))
    assert loss == pytest.approx((4 + 16) / 2)
    assert trainer.model.w.item() == pytest.approx(0.1 * (4 + 16) / 2)


@pytest.mark.parametrize(
    ("limits", "moved"),
    [
        ({"clip_norm": 2.5}, [1.5, 2.0]),
        ({"clip_value": 3.5}, [3.0, 3.5]),
        ({"clip_value": 3, "clip_norm": 18**0.5 / 2}, [1.5, 1.5]),
        ({"clip_norm": 6}, [3.0, 4.0]),
    ],
    ids=str,
)
def test_a_clipped_step_by_hand(limits, moved):
    """The gradient is 3, 4, of norm 5; with lr = 1, weights move by what is left."""

    class Plane(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.zeros(2))

        def forward(self, x):
            return self.w * x

    model = Plane()
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    parts = (0, 0, None, model, optimizer, lambda output, target: output.sum(), ".")
    trainer = Training(*parts, **limits)
    trainer.trainstep(torch.tensor([3.0, 4.0]), torch.tensor([0.0]))
    assert (-model.w).tolist() == pytest.approx(moved)


def test_the_defaults_are_one_step_of_one_sample():
    trainer = see()
    trainer.train(make_dataset(3))
    assert trainer.seen == [[1.0]]


def test_steps_go_on_through_the_partition_and_start_again():
    trainer = see(rounds=2, batch_size=2)
    dataset = make_dataset(5)
    for _ in range(3):
        trainer.train(dataset)
    assert trainer.seen == [[1, 2], [3, 4], [5], [1, 2], [3, 4], [5]]


def test_shuffled_steps_use_every_sample_before_one_comes_again():
    trainer = see(rounds=3, shuffle=True)
    dataset = make_dataset(6)
    for _ in range(4):
        trainer.train(dataset)
    seen = [sample for (sample,) in trainer.seen]
    assert sorted(seen[:6]) == sorted(seen[6:]) == [1, 2, 3, 4, 5, 6]
    assert seen[:6] != seen[6:]


def test_full_epochs():
    trainer = see(rounds=2, full_epochs=True, batch_size=2)
    trainer.train(make_dataset(3))
    assert trainer.seen == [[1, 2], [3], [1, 2], [3]]


def test_loss_is_the_mean_over_samples_in_evaluation_mode():
    trainer = make(batch_size=2)
    # w = 0: the output is 1 for all; (1 - 2)^2, (1 - 4)^2, (1 - 6)^2
    assert trainer.eval_loss(make_dataset(3)) == pytest.approx((1 + 9 + 25) / 3)
    assert trainer.model.training


def test_a_partition_without_a_batch_is_an_error_and_not_a_loop():
    class Empty:
        def get_trainset(self, batch_size=1, shuffle=False):
            return []

    with pytest.raises(DataError, match="does not fill one batch"):
        see(batch_size=4).train(Empty())


def test_a_new_optimizer_is_used():
    trainer = make()
    trainer.reset_optimizer(torch.optim.SGD(trainer.model.parameters(), lr=0.1))
    trainer.trainstep(torch.tensor([1.0]), torch.tensor([2.0]))
    assert trainer.model.w.item() == pytest.approx(0.4)


def test_a_dict_is_one_argument_of_a_step_and_counts_by_its_labels():
    class OwnLoss(Training):
        def batch_loss(self, data, target=None):
            assert target is None
            return squared(self.forward(data["x"]), data["y"]), len(data["y"])

    class Dicts:
        def get_trainset(self, batch_size=1, shuffle=False):
            x = [torch.tensor([1.0, 2.0]), torch.tensor([3.0])]
            return [{"x": each, "y": 2 * each} for each in x]

    model = Slope()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = OwnLoss(0, 0, None, model, optimizer, None, ".")
    # w = 0: the output is 1 for all; a batch of two, then one of one
    assert trainer.eval_loss(Dicts()) == pytest.approx((1 + 9 + 25) / 3)
    trainer.train(Dicts())
    assert model.w.item() == pytest.approx(0.1 * (4 + 16) / 2)


def test_a_step_is_given_the_data_sets_own_tensors():
    class Kept(Training):
        def trainstep(self, data, target):
            self.batch = (data, target)
            return 0.0

    class Loader:
        batch = torch.ones(1), torch.ones(1)

        def get_trainset(self, batch_size=1, shuffle=False):
            return [self.batch]

    model = Slope()
    trainer = Kept(0, 0, None, model, None, squared, ".")
    trainer.train(Loader())
    assert all(a is b for a, b in zip(trainer.batch, Loader.batch, strict=True))


def linear_steps(**options):
    """Return trainer and weights after 3 steps on 4 points, all from one start."""
    torch.manual_seed(1)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    loss = torch.nn.CrossEntropyLoss()
    trainer = Training(0, 0, None, model, optimizer, loss, ".", **options)
    data, target = torch.randn(4, 3), torch.tensor([0, 1, 1, 0])
    for _ in range(3):
        trainer.trainstep(data, target)
    return trainer, model.weight.detach()


def test_bf16_is_near_float32_and_keeps_weights_and_evaluation_in_it():
    _, exact = linear_steps()
    trainer, weights = linear_steps(precision="bf16")
    assert weights.dtype == torch.float32
    assert not torch.equal(weights, exact)
    assert torch.allclose(weights, exact, atol=0.01)
    assert trainer.forward(torch.ones(1, 3)).dtype == torch.float32


def test_the_layout_of_batches_leaves_results_as_they_are():
    class Layout(torch.nn.Conv2d):
        def forward(self, x):
            assert x.is_contiguous() == (self.expected == "contiguous")
            return super().forward(x).flatten(1)

    losses = []
    for expected in ("contiguous", "channels_last"):
        torch.manual_seed(1)
        model = Layout(2, 1, 4)
        model.expected = expected
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        options = {"batch_size": 4, "memory_format": expected}
        trainer = Training(0, 0, None, model, optimizer, squared, ".", **options)
        dataset = Dataset(0, 0, Linear(1, 1))
        dataset.trainset = Data(torch.randn(4, 2, 4, 4), torch.ones(4, 1))
        trainer.train(dataset)
        losses.append(trainer.eval_loss(dataset))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.fixture
def compiles(monkeypatch):
    """Compilations by a compiler that leaves everything as it is."""
    calls = []

    def backend(graph, inputs):
        calls.append(graph)
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    yield calls
    torch.compiler.reset()


def test_steps_are_compiled_and_take_the_same_weights_there(compiles):
    _, exact = linear_steps()
    assert not compiles
    trainer, weights = linear_steps(compile=True)
    assert len(compiles) == 1
    assert torch.allclose(weights, exact)
    trainer.model.eval()
    trainer.forward(torch.ones(1, 3))
    assert len(compiles) == 1


def test_what_is_compiled_follows_weights_that_sharing_has_moved(compiles):
    trainer, _ = linear_steps(compile=True)
    flat = Flat(trainer.model)
    flat.load(flat.unflatten(torch.zeros(8)))
    assert trainer.forward(torch.ones(1, 3)).tolist() == [[0, 0]]
    trainer.trainstep(torch.ones(2, 3), torch.tensor([0, 0]))
    assert flat.vector()[0] > 0
    assert "weight" in trainer.model.state_dict()


def test_a_compiler_that_fails_is_one_line(monkeypatch):
    def broken(graph, inputs):
        raise RuntimeError("no compiler\nand many lines")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=broken))
    with pytest.raises(ConfigError) as caught:
        linear_steps(compile=True)
    told = "[TRAIN_PARAMS] compile = true: RuntimeError: no compiler"
    assert str(caught.value) == told
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("g++"), reason="torch.compile needs a C++ compiler"
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own modules
def test_torchs_own_compiler_takes_the_same_steps():
    _, exact = linear_steps()
    _, weights = linear_steps(compile=True)
    assert torch.allclose(weights, exact, atol=1e-6)
    torch.compiler.reset()


def test_a_device_that_cannot_be_is_one_line_before_and_in_a_node():
    for attempt in (Training.prepare, make):
        with pytest.raises(ConfigError) as caught:
            attempt(device="gpu")
        expected = "device = gpu: expected cpu, cuda, cuda:N or auto"
        assert str(caught.value) == f"[TRAIN_PARAMS] {expected}"


def test_options_that_can_be_need_no_look_for_a_device(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("looked"))
    Training.prepare(rounds=3, shuffle=True, device="cuda:1", own_option=1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_training_on_a_gpu(precision):
    dataset = make_dataset(3)
    trainer = make(lr=0.01, device="auto", precision=precision)
    trainer.train(dataset)
    assert trainer.model.w.device.type == "cuda"
    # one step on x = 1, y = 2 from w = 0: the gradient is -4
    assert trainer.model.w.item() == pytest.approx(0.04, rel=0.01)
    assert trainer.eval_loss(dataset) > 0
