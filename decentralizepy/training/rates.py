"""Learning rates that a scheduler of ``torch.optim.lr_scheduler`` changes."""

import functools
import inspect
from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

import torch


class Hyperparameters(torch.optim.Optimizer):
    """The options of an optimizer's parameter groups, without its parameters.

    A scheduler changes these instead of the optimizer, which may be replaced in every
    round, and whose ``step`` it would wrap.
    """

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        empty = torch.nn.Parameter
        groups = [
            {**group, "params": [empty(torch.empty(0))]}
            for group in optimizer.param_groups
        ]
        super().__init__(groups, optimizer.defaults)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Do nothing; torch checks that it is called before the scheduler's ``step``."""


class Rates:
    """A learning-rate scheduler, stepped after each round of training or each step.

    A scheduler whose ``step`` requires a metric, such as ``ReduceLROnPlateau``, is given
    the mean training loss of the steps since it was last called.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
    make : callable
        Returns the scheduler of the optimizer that it is given.
    interval : {"round", "step"}, default "round"
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        make: Callable[[torch.optim.Optimizer], Any],
        interval: str = "round",
    ) -> None:
        self.options = Hyperparameters(optimizer)
        self.scheduler = make(self.options)
        self.interval = interval
        self.losses: list[float] = []
        self.move(optimizer)

    def move(self, optimizer: torch.optim.Optimizer) -> None:
        """Give an optimizer, usually a new one, the present rates."""
        self.optimizer = optimizer
        self._apply()

    def end_step(self, loss: float) -> None:
        """Count a step that had this ``loss``."""
        self.losses.append(loss)
        if self.interval == "step":
            self._advance()

    def end_round(self) -> None:
        """Count a round of training."""
        if self.interval == "round":
            self._advance()

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the scheduler, and the options that it has changed."""
        return {
            "scheduler": self.scheduler.state_dict(),
            "groups": [_options(group) for group in self.options.param_groups],
            "losses": list(self.losses),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what ``state_dict`` returned; the optimizer loads its rates itself."""
        self.scheduler.load_state_dict(state["scheduler"])
        for group, kept in zip(self.options.param_groups, state["groups"], strict=True):
            group.update(kept)
        self.losses = list(state["losses"])

    def _advance(self) -> None:
        self.options.step()
        if not _needs_metric(type(self.scheduler).step):
            self.scheduler.step()
        elif self.losses:
            self.scheduler.step(fmean(self.losses))
        self.losses.clear()
        self._apply()

    def _apply(self) -> None:
        groups = self.optimizer.param_groups
        for group, chosen in zip(groups, self.options.param_groups, strict=True):
            group.update({key: chosen[key] for key in _options(group) if key in chosen})


def _options(group: Mapping[str, Any]) -> dict[str, Any]:
    return {key: group[key] for key in group if key != "params"}


@functools.cache
def _needs_metric(step: Callable[..., Any]) -> bool:
    _, *given = inspect.signature(step).parameters.values()
    return bool(given) and given[0].default is given[0].empty
