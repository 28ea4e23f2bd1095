"""Tensors by name that are views of one vector, as a model's are."""

import functools
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy.typing as npt
import torch

Tensors = dict[str, torch.Tensor]


class Views(MutableMapping[str, torch.Tensor]):
    """Tensors by name that are views of one vector; they are made when one is needed.

    Parameters
    ----------
    cut : callable
        Returns the tensors, as views of a vector.
    vector : torch.Tensor, shape (N,)

    Attributes
    ----------
    vector : torch.Tensor or None
        None if a tensor has been replaced: then the vector is not all there is.
    """

    def __init__(
        self, cut: Callable[[torch.Tensor], Tensors], vector: torch.Tensor
    ) -> None:
        self.cut, self._whole = cut, vector
        self.vector: torch.Tensor | None = vector
        self._tensors: Tensors | None = None

    @functools.cached_property
    def array(self) -> npt.NDArray[Any]:
        """The vector, which must be on the CPU, as an array that shares its memory."""
        array: npt.NDArray[Any] = self._whole.detach().numpy()
        return array

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._made()[name]

    def __setitem__(self, name: str, tensor: torch.Tensor) -> None:
        if tensor is not self._made().get(name):  # as `views[name] += 1` does
            self._made()[name] = tensor
            self.vector = None

    def __delitem__(self, name: str) -> None:
        del self._made()[name]
        self.vector = None

    def __iter__(self) -> Iterator[str]:
        return iter(self._made())

    def __len__(self) -> int:
        return len(self._made())

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**other, **self}

    def copy(self) -> Tensors:
        """Return a dict with the same tensors."""
        return dict(self)

    def __deepcopy__(self, memo: object) -> MutableMapping[str, torch.Tensor]:
        return copy_of(self)  # and not of the model, which `cut` belongs to

    def _made(self) -> Tensors:
        if self._tensors is None:
            self._tensors = self.cut(self._whole)
        return self._tensors


def whole(state: Mapping[str, Any]) -> Views | None:
    """Return ``state`` if all of it are views of one vector; else None."""
    return state if isinstance(state, Views) and state.vector is not None else None


def vector_of(state: Mapping[str, Any]) -> torch.Tensor | None:
    """Return the vector that all of ``state`` are views of; None if there is none."""
    return state.vector if isinstance(state, Views) else None


def copy_of(state: Mapping[str, torch.Tensor]) -> MutableMapping[str, torch.Tensor]:
    """Return copies of the tensors by name, again as views of one vector if they were."""
    if isinstance(state, Views) and state.vector is not None:
        return Views(state.cut, state.vector.clone())
    return {name: tensor.clone() for name, tensor in state.items()}
