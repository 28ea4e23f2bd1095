"""Device placement, memory layout and compilation of models."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

from decentralizepy.errors import ConfigError

FORMATS: Mapping[str, torch.memory_format] = MappingProxyType(
    {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
)


def check_name(device: str) -> None:
    """Raise a ConfigError if ``device`` is not a valid name, without probing for it."""
    if not re.fullmatch("cpu|auto|cuda(:[0-9]+)?", device):
        raise ConfigError(
            section="TRAIN_PARAMS",
            key="device",
            value=device,
            expected="cpu, cuda, cuda:N or auto",
        )


def find(device: str, rank: int) -> torch.device:
    """Return the device for the node of this ``rank``, probing for CUDA if necessary.

    Raises
    ------
    ConfigError
        If the device does not exist.
    """
    check_name(device)
    if device == "cpu":
        return torch.device(device)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return torch.device("cuda", rank % count) if count else torch.device("cpu")
    number = int(device.partition(":")[2] or 0)
    if number >= count:
        there = ", ".join(f"cuda:{n}" for n in range(count)) or "no CUDA device"
        raise ConfigError(
            f"there is {there} on this machine",
            section="TRAIN_PARAMS",
            key="device",
            value=device,
        )
    return torch.device("cuda", number)


def move(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
) -> None:
    """Move a model and the state of its optimizer to a device other than the CPU.

    For the CPU, nothing is moved.
    """
    if device.type != "cpu":
        model.to(device)
        # some optimizers, such as Adagrad, create their state before the first step
        optimizer.load_state_dict(optimizer.state_dict())


def of(model: torch.nn.Module) -> torch.device:
    """Return the device of a model's parameters; the CPU if it has none."""
    for module in model.modules():  # parameters() takes twice as long
        for parameter in module._parameters.values():
            if parameter is not None:
                return parameter.device
    return torch.device("cpu")


def place(
    value: Any, device: torch.device, memory_format: torch.memory_format | None
) -> Any:
    """Return a tensor, or a dict of tensors, on ``device``, without a copy if possible.

    Parameters
    ----------
    value
        Anything else is returned unchanged.
    memory_format
        The layout of 4-d tensors; ``None`` leaves it unchanged.
    """
    if isinstance(value, torch.Tensor):
        if memory_format is None or value.dim() != 4:
            return value.to(device)
        return value.to(device, memory_format=memory_format)
    if isinstance(value, Mapping):
        return {key: place(each, device, memory_format) for key, each in value.items()}
    return value


def compiled(model: torch.nn.Module) -> Callable[..., Any]:
    """Return ``model`` compiled by ``torch.compile`` in its first call.

    It shares the parameters of ``model``. If there is no compiler, the first call raises
    a ConfigError.
    """
    function: Callable[..., Any] = torch.compile(model)

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            cause = error.inner_exception
            why = f"{type(cause).__name__}: {cause}".partition("\n")[0]
            raise ConfigError(
                why, section="TRAIN_PARAMS", key="compile", value="true"
            ) from error

    return call
