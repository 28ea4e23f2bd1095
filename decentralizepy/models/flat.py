"""Flattening of a model to one vector."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.errors import NodeFailed
from decentralizepy.models._places import Places
from decentralizepy.models.views import Views, vector_of

EXACT = 2**24  # beyond this, float32 cannot represent every integer


def tensors(model: torch.nn.Module, keep_vars: bool = False) -> dict[str, torch.Tensor]:
    """Return a model's ``state_dict`` without the extra state of its modules.

    That is what ``get_extra_state`` returns. It is not averaged, and each node keeps its
    own. With ``keep_vars``, the tensors are the parameters themselves.
    """
    state = model.state_dict(keep_vars=keep_vars)
    return {name: state[name] for name in state if not _is_extra(name)}


class Flat:
    """The tensors of a model, in the order of its ``state_dict``, as one float32 vector.

    Parameters and floating-point buffers become views of the vector, so that reading or
    averaging a model copies nothing. Integers (BatchNorm's counter), tensors shared
    between names, tensors of another dtype and tensors that are not on the CPU are copied
    in and out; complex ones as pairs of numbers.

    Values that float32 cannot represent are kept as long as all nodes agree on them. A
    tensor of another dtype keeps each entry whose average rounds to the same float32.
    Entries of buffers that are initially NaN or infinite, as in a causal mask, or integers
    from 2^24 on, are 0 in the vector, and keep their value in the model while it is 0.

    Parameters
    ----------
    model : torch.nn.Module
        Its parameter objects stay the same; only their storage changes.

    Attributes
    ----------
    names : list of str
    shapes : list of torch.Size
    lens : list of int
        Number of entries in each tensor; a complex entry counts as two.
    size : int
        Number of entries in all tensors, N below.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model
        state = tensors(model)
        self.names = list(state)
        self.shapes = [tensor.shape for tensor in state.values()]
        self.lens = [
            tensor.numel() * (1 + tensor.is_complex()) for tensor in state.values()
        ]
        self.size = sum(self.lens)
        self._complex = {name for name in state if state[name].is_complex()}
        self._constant = _constants(self._state())
        self._buffer = torch.empty(self.size)
        self._views = self.cut(self._buffer)
        self._places: Places | None = None
        self._pull_in()

    def vector(self) -> torch.Tensor:
        """Return the model as its live vector of shape (N,); do not write to it."""
        self._pull_in()
        return self._buffer

    @property
    def is_whole(self) -> bool:
        """Whether all tensors were views of the vector when it was last returned."""
        return not self._apart

    def unflatten(self, vector: torch.Tensor) -> Views:
        """Return views of ``vector``, of shape (N,), by name; complex tensors as pairs.

        Raises
        ------
        ValueError
            If the vector has the wrong length.
        """
        if vector.shape != (self.size,):
            raise ValueError(
                f"{tuple(vector.shape)} numbers for a model of {self.size}"
            )
        return Views(self.cut, vector)

    def cut(self, vector: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the tensors of :meth:`unflatten`, all at once.

        Of a matrix, they are those of all rows.
        """
        rows, split = vector.shape[:-1], torch.split(vector, self.lens, -1)
        parts = zip(self.names, split, self.shapes, strict=True)
        return {
            name: part.view(
                (*rows, *shape, 2) if name in self._complex else (*rows, *shape)
            )
            for name, part, shape in parts
        }

    def trained(self) -> torch.Tensor:
        """Return which entries of the vector are of parameters, bool of shape (N,)."""
        known = dict(self.model.named_parameters(remove_duplicate=False))
        moved = [name in known for name in self.names]
        return torch.from_numpy(np.repeat(moved, self.lens))

    def flatten(self, state: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Return ``state`` as one float32 vector, of shape (N,)."""
        return torch.cat([_numbers(state[name]).reshape(-1) for name in self.names])

    @torch.no_grad()
    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Copy ``state``, as returned by ``unflatten``, into the model, rounding integers.

        Raises
        ------
        NodeFailed
            If integers beyond 2^24, which float32 cannot represent, would change.
        """
        loaded, vector = self._pull_in(), vector_of(state)
        if vector is None:
            loaded = self._state()
        else:
            self._buffer.copy_(vector)
        for name, tensor in loaded.items():
            if tensor.dtype == torch.float32 and name not in self._constant:
                tensor.copy_(state[name])
            else:
                self._load_moved(name, tensor, state[name])

    def _load_moved(self, name: str, tensor: torch.Tensor, new: torch.Tensor) -> None:
        """Copy the entries of ``new`` that differ from the tensor's in the vector."""
        held, source = self._held(name, tensor), _real(new.to(tensor.device))
        moved = (_numbers(source) != held) & ~self._stays(name, tensor)
        if _is_whole(tensor):
            if (moved & (held.abs() >= EXACT)).any():
                raise NodeFailed(
                    f"{name} of the model holds whole numbers beyond 2^24 that differ "
                    "between nodes, which a float32 cannot carry; register_buffer(..., "
                    "persistent=False) keeps it out of what is shared"
                )
            source = source.round()
        own = _real(tensor)
        own[moved] = source[moved].to(own.dtype)

    def _held(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """Return the float32 numbers that represent a tensor in the vector."""
        numbers = _numbers(tensor)
        if name in self._constant:
            numbers = numbers.masked_fill(self._stays(name, tensor), 0.0)
        return numbers

    def _stays(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """Return where a tensor still has values that the vector cannot represent."""
        now = _real(tensor)
        if name not in self._constant:
            return torch.zeros_like(now, dtype=torch.bool)
        first, unfit = (part.to(now.device) for part in self._constant[name])
        return unfit & ((now == first) | (now.isnan() & first.isnan()))

    def _state(self) -> dict[str, torch.Tensor]:
        return tensors(self.model, keep_vars=True)

    def _pull_in(self) -> dict[str, torch.Tensor]:
        """Copy tensors into the vector, and turn them into views of it if possible.

        Return those that are not views.
        """
        if self._places is None or not self._places.hold():
            self._find()
        if self._apart:
            with torch.no_grad():
                for name, tensor in self._apart.items():
                    self._views[name].copy_(self._held(name, tensor))
        return self._apart

    @torch.no_grad()
    def _find(self) -> None:
        """Go through the model, whose tensors may be others than before."""
        taken, state = set(), self._state()
        self._apart: dict[str, torch.Tensor] = {}
        for name, tensor in state.items():
            view = self._views[name]
            if tensor.data_ptr() != view.data_ptr() or not tensor.numel():
                free = name not in self._constant and tensor.data_ptr() not in taken
                if free and _is_like(tensor, view):
                    view.copy_(tensor)
                    tensor.data = view
                else:
                    self._apart[name] = tensor
            taken.add(tensor.data_ptr())
        self._places = Places(self.model, state.values())


def _is_extra(name: str) -> bool:
    return name.rpartition(".")[2] == "_extra_state"


def _real(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor; a complex one as a real view whose last axis has length two."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def _numbers(tensor: torch.Tensor) -> torch.Tensor:
    return _real(tensor).to(torch.float32)


def _is_whole(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex()


def _constants(
    state: Mapping[str, torch.Tensor],
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return untrained values that float32 cannot represent, and where, by name."""
    found = {}
    for name, tensor in state.items():
        numbers = _numbers(tensor)
        unfit = ~numbers.isfinite()
        if _is_whole(tensor):
            unfit |= numbers.abs() >= EXACT
        if not tensor.requires_grad and unfit.any():
            found[name] = (_real(tensor).clone(), unfit)
    return found


def _is_like(tensor: torch.Tensor, view: torch.Tensor) -> bool:
    return tensor.dtype == view.dtype and tensor.device == view.device


def to_tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """Return a tensor that shares the memory of ``array``, or a copy if it is read-only."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def difference(array: npt.NDArray[Any], own: Views) -> torch.Tensor:
    """Return ``array`` minus the vector of ``own``, without copying a read-only array."""
    if array.dtype == own.array.dtype:
        return torch.from_numpy(array - own.array)
    # NumPy's rules for other types differ from torch's
    return to_tensor(array) - torch.from_numpy(own.array)
