"""Local training: mini-batches or epochs of a node's own partition."""

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Annotated, Any, Literal, Protocol

import torch
from pydantic import Field

from decentralizepy.checkpoints import PLACE, Stateful
from decentralizepy.errors import DataError
from decentralizepy.training import _device, _steps
from decentralizepy.training._together import Kind, Step, kind_of, overridden
from decentralizepy.training.last_batch import check_single, ends_with_one

EVALUATION_BATCH = 16  # activations of larger batches do not fit the cache

Count = Annotated[int, Field(ge=1)] | Literal[""]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Loader(Protocol):
    """An iterable over batches, with their number."""

    def __iter__(self) -> Iterator[Any]: ...

    def __len__(self) -> int: ...


class Trainset(Protocol):
    """What training requires of a data set."""

    def get_trainset(self, batch_size: int = 1, shuffle: bool = False) -> Loader: ...


class Training(Stateful):
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

    Raises
    ------
    ConfigError
        If an option is invalid, or the device does not exist.
    """

    checkpointed: tuple[str, ...] = ("epoch_start", "batches_done")
    derived = (*PLACE, "_batches", "_compiled", "batching", "kind")

    batching: Any = None
    """Takes a step together with other nodes, if an engine runs several at once."""

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
        _device.move(model, optimizer, _device.find(device, rank))
        self._compiled = _device.compiled(model) if compile else None
        self._batches: Iterator[Any] | None = None
        self.epoch_start, self.batches_done = torch.empty(0), 0  # for checkpoints

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
        """Replace the optimizer."""
        self.optimizer = optimizer

    def batch_with(self, batching: Any) -> None:
        """Take steps together with other nodes, by ``batching``, where that is possible."""
        self.batching = batching
        batching.tell(Step.name, overridden(self))

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
        if self.full_epochs:
            for _ in range(self.rounds):
                self.train_full(dataset)
            return
        if self._batches is None:
            self._batches = self._endless(dataset)
        for batch in islice(self._batches, self.rounds):
            self.trainstep(*self._placed(batch))

    def train_full(self, dataset: Trainset) -> None:
        """Train for one epoch."""
        for batch in self._epoch(dataset):
            self.trainstep(*self._placed(batch))

    def trainstep(self, data: Any, target: Any = None) -> float:
        """Take one step on a batch (see :meth:`batch_loss`), and return its loss."""
        if self.batching is None:
            return self.step_alone(data, target)
        return float(self.batching.do(Step(self, data, target)))

    def step_alone(self, data: Any, target: Any = None) -> float:
        """Take one step on a batch, without other nodes."""

        def closure() -> torch.Tensor:
            _steps.zero_grad(self.optimizer)
            with self._autocast():
                loss, _ = self.batch_loss(data, target)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()

        if needs_closure(type(self.optimizer).step):
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

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(_device.of(self.model).type, torch.bfloat16)

    def _placed(self, batch: Any) -> tuple[Any, ...]:
        """Return the arguments of a step, moved to the model's device."""
        parts = (batch,) if isinstance(batch, Mapping) else batch
        device = _device.of(self.model)
        return tuple(_device.place(part, device, self.memory_format) for part in parts)

    def _endless(self, dataset: Trainset) -> Iterator[Any]:
        while True:
            yield from self._resumable(dataset)

    def _resumable(self, dataset: Trainset) -> Iterator[Any]:
        """Yield the batches of an epoch, from the position restored by a checkpoint."""
        generator = getattr(dataset, "generator", torch.default_generator)
        now, done = generator.get_state(), self.batches_done
        if done:
            generator.set_state(self.epoch_start)
        else:
            self.epoch_start = now
        batches = self._epoch(dataset)
        for _ in islice(batches, done):
            pass
        if done:
            generator.set_state(now)
        for batch in batches:
            self.batches_done += 1
            yield batch
        self.batches_done = 0

    def _epoch(self, dataset: Trainset) -> Iterator[Any]:
        loader = dataset.get_trainset(self.batch_size, self.shuffle)
        if not len(loader):
            raise DataError(
                "this node's partition does not fill one batch",
                section="TRAIN_PARAMS",
                key="batch_size",
                value=self.batch_size,
            )
        for number, batch in enumerate(loader):
            if number == 0 and not isinstance(batch, Mapping) and ends_with_one(loader):
                one = self._placed([part[:1] for part in batch])
                check_single(self.model, loader, one)
            yield batch


@functools.cache
def needs_closure(step: Callable[..., Any]) -> bool:
    """Return whether ``step`` of an optimizer evaluates the loss itself, as LBFGS does."""
    closure = inspect.signature(step).parameters.get("closure")
    return closure is not None and closure.default is closure.empty
