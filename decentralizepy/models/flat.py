"""A model as one vector: the only place where parameters are flattened."""

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch


class Flat:
    """The state of a model, in the order of its ``state_dict``, as one float32 vector.

    Parameters and floating-point buffers become views of the vector, so that reading or
    averaging a model copies nothing. Whole numbers (BatchNorm's counter), tensors that
    another name shares, that have another type or are on another device than the CPU
    are copied in and out.

    Parameters
    ----------
    model : torch.nn.Module
        It keeps its parameter objects; only their storage moves.

    Attributes
    ----------
    names : list of str
    shapes : list of torch.Size
    lens : list of int
        Numbers in each tensor.
    size : int
        Numbers in all tensors, N below.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        state = model.state_dict()
        self.names = list(state)
        self.shapes = [tensor.shape for tensor in state.values()]
        self.lens = [tensor.numel() for tensor in state.values()]
        self.size = sum(self.lens)
        self._buffer = torch.empty(self.size)
        self._views = self.unflatten(self._buffer)
        self._pull_in()

    def vector(self) -> torch.Tensor:
        """Return the model as its live vector of shape (N,); do not write to it."""
        self._pull_in()
        return self._buffer

    def unflatten(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return views of ``vector``, of shape (N,), by name.

        Raises
        ------
        ValueError
            If the vector has another length.
        """
        if vector.shape != (self.size,):
            raise ValueError(
                f"{tuple(vector.shape)} numbers for a model of {self.size}"
            )
        parts = torch.split(vector, self.lens)
        return {
            name: part.view(shape)
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }

    @torch.no_grad()
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Copy ``state``, as ``unflatten`` returns it, into the model; round for counters."""
        for name, tensor in self._state().items():
            whole = not tensor.is_floating_point()
            tensor.copy_(state[name].round() if whole else state[name])

    def _state(self) -> dict[str, torch.Tensor]:
        state: dict[str, torch.Tensor] = self.model.state_dict(keep_vars=True)
        return state

    @torch.no_grad()
    def _pull_in(self) -> None:
        """Copy what is no view of the vector, and make it one where it can be."""
        taken = set()
        for name, tensor in self._state().items():
            view = self._views[name]
            if tensor.data_ptr() != view.data_ptr() or not tensor.numel():
                view.copy_(tensor)
                if _is_like(tensor, view) and tensor.data_ptr() not in taken:
                    tensor.data = view
            taken.add(tensor.data_ptr())


def _is_like(tensor: torch.Tensor, view: torch.Tensor) -> bool:
    return tensor.dtype == view.dtype and tensor.device == view.device


def to_tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return a tensor over the memory of ``array``, copied only if it is read-only."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())
