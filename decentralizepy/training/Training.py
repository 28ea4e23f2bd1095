"""Local training: mini-batches or epochs of a node's own partition."""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from decentralizepy.checkpoints import PLACE
from decentralizepy.randomness import Purpose, seed_of, stream
from decentralizepy.training import _device, _steps
from decentralizepy.training._passes import Passes, Trainset
from decentralizepy.training._together import Kind, Step, kind_of, overridden
from decentralizepy.training.augmentation import Augmentation
from decentralizepy.training.many import ManySteps, obstacle
from decentralizepy.training.many_losses import EVALUATION_BATCH
from decentralizepy.training.rates import Rates

Count = Annotated[int, Field(ge=1)] | Literal[""]
Limit = Annotated[float, Field(gt=0)] | None
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Training(Passes):
    """Stochastic gradient steps on a node's own partition.

    A batch is (data, target), or a dict. To compute the loss differently, override
    :meth:`batch_loss`.

    Parameters
    ----------
    rank, machine_id, mapping, log_dir
        Where the node runs and logs; stored for subclasses.
    model : torch.nn.Module
    optimizer : torch.optim.Optimizer
    loss : callable
        ``loss(output, target)``, the mean over a batch.
    rounds : int, default 1
        Mini-batches in each call of :meth:`train`, or epochs with ``full_epochs``.
    full_epochs : bool, default False
        Train for ``rounds`` passes over the partition, not for that many mini-batches.
    batch_size : int, default 1
        Samples per mini-batch.
    shuffle : bool, default False
        A new order in each epoch, from the data set's own generator.
    device : str, default "cpu"
        Where the model is placed: ``cpu``, ``cuda``, ``cuda:N``, or ``auto``, which
        spreads the nodes of a machine over its GPUs, or uses the CPU if there are none.
    memory_format : {"", "channels_last", "contiguous"}, default ""
        The layout of 4-d batches; by default that of the data set.
    compile : bool, default False
        Use ``torch.compile(model)`` for training steps.
    precision : {"float32", "bf16"}, default "float32"
        With ``bf16``, the forward pass and the loss of training steps use autocast;
        weights, optimizer, messages and evaluation stay in float32.
    clip_norm : float, optional
        The largest 2-norm of a step's gradient, over all parameters; a longer one is
        scaled down.
    clip_value : float, optional
        The largest absolute value of an entry of the gradient, before ``clip_norm``.
    crop_padding : int, default 0
        Train on random crops of the images, padded by so many zeros on all sides
        (:class:`~decentralizepy.training.augmentation.Augmentation`).
    horizontal_flip : bool, default False
        Mirror half of the training images, drawn at random.

    Raises
    ------
    ConfigError
        If an option is invalid, or the device does not exist.
    """

    checkpointed: tuple[str, ...] = ("trainings", "learning_rates")
    derived = (*PLACE, "_compiled", "_draws", "batching", "kind")

    batching: Any = None
    """Takes a step together with other nodes, if an engine runs several at once."""

    learning_rates: Rates | None = None
    """Changes the learning rate, if section LR_SCHEDULER names a scheduler."""

    trainings = 0
    """How many times :meth:`train` has been called."""

    clip_norm: float | None = None
    clip_value: float | None = None
    augmentation = Augmentation()
    _draws: Any = None

    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        loss: Loss,
        log_dir: str,
        rounds: Count = 1,
        full_epochs: bool | Literal[""] = False,
        batch_size: Count = 1,
        shuffle: bool | Literal[""] = False,
        device: str = "cpu",
        memory_format: Literal["", "channels_last", "contiguous"] = "",
        compile: bool = False,
        precision: Literal["float32", "bf16"] = "float32",
        clip_norm: Limit = None,
        clip_value: Limit = None,
        crop_padding: Annotated[int, Field(ge=0)] = 0,
        horizontal_flip: bool = False,
    ) -> None:
        Training.prepare(device)
        self.rank, self.machine_id, self.mapping = rank, machine_id, mapping
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.log_dir = log_dir
        self.rounds = rounds or 1
        self.full_epochs = bool(full_epochs)
        self.batch_size = batch_size or 1
        self.shuffle = bool(shuffle)
        self.memory_format = _device.FORMATS.get(memory_format)
        self.precision = precision
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.augmentation = Augmentation(crop_padding, horizontal_flip)
        _device.move(model, optimizer, _device.find(device, rank))
        self._compiled = _device.compiled(model) if compile else None
        self.start_passes()

    @classmethod
    def prepare(cls, device: str = "cpu", **options: Any) -> None:
        """Check options without probing for a device: the launcher forks after this.

        Raises
        ------
        ConfigError
            If an option is invalid.
        """
        _device.check_name(device)

    def reset_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Replace the optimizer; a scheduler continues with the new one."""
        self.optimizer = optimizer
        if self.learning_rates is not None:
            self.learning_rates.move(optimizer)

    def schedule_rates(
        self, make: Callable[[Any], Any], interval: str = "round"
    ) -> None:
        """Have a scheduler change the learning rate.

        Parameters
        ----------
        make : callable
            Returns the scheduler of the optimizer that it is given.
        interval : {"round", "step"}, default "round"
            Whether it is stepped after each call of :meth:`train`, or each step.
        """
        self.learning_rates = Rates(self.optimizer, make, interval)

    def batch_with(self, batching: Any) -> None:
        """Take steps together with other nodes, by ``batching``, where that is possible."""
        self.batching = batching
        batching.tell(Step.name, overridden(self))

    def not_at_once(self, flat: Any) -> str:
        """Return why :meth:`many` cannot be used with models of this layout; or ""."""
        return obstacle(self, Training, flat)

    def many(self, flat: Any, auto: bool = False) -> ManySteps:
        """Return the steps of many nodes at once."""
        return ManySteps(self, flat, auto)

    def train(self, dataset: Trainset) -> None:
        """Take ``rounds`` steps, or as many epochs with ``full_epochs``.

        Steps continue where the last call stopped, so that every sample is used before
        one repeats.

        Raises
        ------
        DataError
            If the partition yields no batch.
        """
        self.model.train()
        if any(self.augmentation):
            uid = self.mapping.get_uid(self.rank, self.machine_id)
            place = Purpose.AUGMENTATION, seed_of(dataset), uid
            self._draws = stream(*place, round=self.trainings)
        if self.full_epochs:
            for _ in range(self.rounds):
                self.train_full(dataset)
        else:
            for batch in self.next_batches(dataset, self.rounds):
                self.trainstep(*self._augmented(batch))
        self.trainings += 1
        if self.learning_rates is not None:
            self.learning_rates.end_round()

    def train_full(self, dataset: Trainset) -> None:
        """Train for one epoch."""
        for batch in self._epoch(dataset):
            self.trainstep(*self._augmented(batch))

    def trainstep(self, data: Any, target: Any = None) -> float:
        """Take one step on a batch (see :meth:`batch_loss`), and return its loss."""
        if self.batching is None:
            loss = self.step_alone(data, target)
        else:
            loss = float(self.batching.do(Step(self, data, target)))
        if self.learning_rates is not None:
            self.learning_rates.end_step(loss)
        return loss

    def step_alone(self, data: Any, target: Any = None) -> float:
        """Take one step on a batch, without other nodes."""

        def closure() -> torch.Tensor:
            _steps.zero_grad(self.optimizer)
            with self._autocast():
                loss, _ = self.batch_loss(data, target)
            loss.backward()  # type: ignore[no-untyped-call]
            _steps.clip(self.model, self.clip_norm, self.clip_value)
            return loss.detach()

        if _steps.needs_closure(type(self.optimizer).step):
            return float(self.optimizer.step(closure))  # type: ignore[arg-type]
        loss = closure()
        _steps.step(self.optimizer)
        return loss.item()

    @functools.cached_property
    def kind(self) -> Kind:
        """What the steps of this trainer have in common with those of other nodes."""
        return kind_of(self)

    @property
    def is_compiled(self) -> bool:
        """Whether training steps use ``torch.compile``."""
        return self._compiled is not None

    def batch_loss(self, data: Any, target: Any = None) -> tuple[torch.Tensor, int]:
        """Return the mean loss of a batch, a scalar, and its number of samples.

        Parameters
        ----------
        data
            A tensor, or the dict if a batch is a dict, on the model's device.
        target : torch.Tensor, optional
            None if a batch is a dict.
        """
        return self.loss(self.forward(data), target), len(target)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the model's output; in training mode with ``compile``, compiled."""
        if self._compiled is not None and self.model.training:
            return self._compiled(*args, **kwargs)
        return self.model(*args, **kwargs)

    def eval_loss(self, dataset: Trainset) -> float:
        """Return the mean loss over the node's own partition, in evaluation mode."""
        loader = dataset.get_trainset(max(self.batch_size, EVALUATION_BATCH), False)
        total, count = 0.0, 0
        self.model.eval()
        with torch.inference_mode():
            for batch in loader:
                loss, samples = self.batch_loss(*self._placed(batch))
                total += loss.item() * samples
                count += samples
        self.model.train()
        return total / count

    def loss_on(self, batch: Any) -> float:
        """Return the mean loss of a batch of the data set, in evaluation mode."""
        self.model.eval()
        with torch.inference_mode():
            loss, _ = self.batch_loss(*self._placed(batch))
        self.model.train()
        return float(loss)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(_device.of(self.model).type, torch.bfloat16)

    def _augmented(self, batch: Any) -> tuple[Any, ...]:
        """Return the arguments of a step, augmented where the options say so."""
        data, *rest = self._placed(batch)
        if self._draws is not None:
            data = self.augmentation(data, self._draws)
        return data, *rest
