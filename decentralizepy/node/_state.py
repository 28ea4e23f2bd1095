"""Conversion of a checkpoint's values to JSON and tensors, and back."""

import base64
import dataclasses
import functools
import logging
import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Collection
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

Tensors = dict[str, torch.Tensor]
Generator = (
    random.Random | np.random.Generator | np.random.RandomState | torch.Generator
)

_MAKERS: dict[str, tuple[type[Any], Callable[[], Any]]] = {
    "python": (random.Random, random.Random),
    "numpy": (np.random.Generator, np.random.default_rng),
    "numpy's old": (np.random.RandomState, np.random.RandomState),
    "torch": (torch.Generator, torch.Generator),
}
_PLAIN = (bool, int, float, str, type(None))
_SERIES = (list, tuple, set, frozenset, deque)
_MAPS: tuple[type[Any], ...] = (dict, OrderedDict, Counter, defaultdict)
_FACTORIES = {each.__name__: each for each in (int, float, str, list, dict, set)}
_MISSING: Any = object()
# code, or derived from the INI file: not state
_CONSTANT = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    types.ModuleType,
    functools.partial,
    type,
    torch.dtype,
    torch.device,
    torch.memory_format,
    PurePath,
    logging.Logger,
)


class Encoder:
    """Turns values into JSON, and collects their tensors and arrays by place.

    Parameters
    ----------
    parts : collection of objects
        Objects to skip wherever they occur in a value, since they are saved separately
        or not at all.

    Attributes
    ----------
    tensors : dict of str to torch.Tensor
    left : list of str
        The places and types of values that cannot be saved.
    """

    def __init__(self, parts: Collection[Any] = ()) -> None:
        self.tensors: Tensors = {}
        self.left: list[str] = []
        self._parts = {id(part) for part in parts}

    def encode(self, value: Any, place: str) -> Any:
        """Return ``value`` as JSON, with a placeholder for whatever cannot be saved."""
        if isinstance(value, _PLAIN) and not isinstance(value, Enum):
            return value
        if id(value) in self._parts or isinstance(value, _CONSTANT):
            return {"live": None}
        for encode in (self._numbers, self._container, self._object):
            if (form := encode(value, place)) is not None:
                return form
        self.left.append(f"{place} (a {type(value).__name__})")
        return {"live": None}

    def _numbers(self, value: Any, place: str) -> Any:
        if isinstance(value, (bytes, bytearray)):
            return {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, complex):
            return {"complex": [value.real, value.imag]}
        if isinstance(value, torch.Tensor):
            return {"tensor": self._keep(value.detach(), place)}
        if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufc":
            array = torch.from_numpy(np.array(value, order="C"))
            kind = "array" if isinstance(value, np.ndarray) else "scalar"
            return {kind: self._keep(array, place)}
        return None

    def _keep(self, tensor: torch.Tensor, place: str) -> list[Any]:
        # a copy: safetensors supports neither shared memory nor complex numbers
        real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
        self.tensors[place] = real.cpu().contiguous().clone()
        return [place, tensor.is_complex()]

    def _container(self, value: Any, place: str) -> Any:
        if type(value) in _MAPS:
            items = [
                [self.encode(key, f"{place}.{i}k"), self.encode(each, inner)]
                for i, (key, each) in enumerate(value.items())
                for inner in [f"{place}.{_label(key, i)}"]
            ]
            factory = getattr(getattr(value, "default_factory", None), "__name__", None)
            return {"map": [type(value).__name__, factory, items]}
        if type(value) in _SERIES or isinstance(value, tuple):
            kind = next(each for each in _SERIES if isinstance(value, each))
            parts = sorted(value, key=_rank) if kind in (set, frozenset) else value
            forms = [self.encode(each, f"{place}.{i}") for i, each in enumerate(parts)]
            return {"series": [kind.__name__, getattr(value, "maxlen", None), forms]}
        return None

    def _object(self, value: Any, place: str) -> Any:
        if isinstance(value, Generator):
            state = self.encode(_state_of(value), place)
            kind = next(k for k, (cls, _) in _MAKERS.items() if isinstance(value, cls))
            return {"generator": [kind, state]}
        if hasattr(value, "state_dict") and hasattr(value, "load_state_dict"):
            return {"state": self.encode(dict(value.state_dict()), place)}
        if dataclasses.is_dataclass(value):
            fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
            return {"fields": self.encode(fields, place)}
        return None


class Decoder:
    """Turns the output of an Encoder back into values, without executing any of it."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self._decoders: dict[str, Callable[[Any, Any], Any]] = {
            "live": self._live,
            "bytes": self._bytes,
            "complex": self._complex,
            "tensor": self._tensor,
            "array": self._array,
            "scalar": self._scalar,
            "map": self._map,
            "series": self._series,
            "generator": self._generator,
            "state": self._state,
            "fields": self._fields,
        }

    def decode(self, form: Any, live: Any = _MISSING) -> Any:
        """Return the value of ``form``, in the memory of ``live`` if it fits.

        Thus references to the same tensor still refer to the same tensor.
        """
        if not isinstance(form, dict):
            return form
        ((kind, content),) = form.items()
        return self._decoders[kind](content, live)

    def _live(self, content: Any, live: Any) -> Any:
        return live

    def _bytes(self, content: str, live: Any) -> Any:
        data = base64.b64decode(content)
        return bytearray(data) if isinstance(live, bytearray) else data

    def _complex(self, content: list[float], live: Any) -> complex:
        return complex(*content)

    def _tensor(self, content: list[Any], live: Any) -> torch.Tensor:
        place, is_complex = content
        stored = self.tensors[place]
        new = torch.view_as_complex(stored) if is_complex else stored
        if not isinstance(live, torch.Tensor) or not alike(live, new):
            # aligned, unlike the file, so that sums add up in the same order
            return new.clone()
        with torch.no_grad():
            live.copy_(new)
        return live

    def _array(self, content: list[Any], live: Any) -> Any:
        return self._tensor(content, None).numpy()

    def _scalar(self, content: list[Any], live: Any) -> Any:
        return self._tensor(content, None).numpy()[()]

    def _map(self, content: list[Any], live: Any) -> Any:
        name, factory, items = content
        old = live if isinstance(live, dict) else {}
        pairs = [
            (key, self.decode(form, old.get(key, _MISSING)))
            for key, form in ((self.decode(each), form) for each, form in items)
        ]
        kept = [(key, value) for key, value in pairs if value is not _MISSING]
        new = live if isinstance(live, dict) else _new_map(name, factory)
        new.clear()
        new.update(dict(kept))
        return new

    def _series(self, content: list[Any], live: Any) -> Any:
        name, maxlen, forms = content
        same = isinstance(live, (list, tuple)) and len(live) == len(forms)
        olds = live if same else [_MISSING] * len(forms)
        parts = [self.decode(f, old) for f, old in zip(forms, olds, strict=True)]
        if name == "deque":
            return deque(parts, maxlen)
        if isinstance(live, tuple) and hasattr(live, "_fields"):
            return type(live)(*parts)
        kind = next(each for each in _SERIES if each.__name__ == name)
        return type(live)(parts) if isinstance(live, kind) else kind(parts)

    def _generator(self, content: list[Any], live: Any) -> Any:
        name, form = content
        generator = live if isinstance(live, Generator) else _MAKERS[name][1]()
        _set_state(generator, self.decode(form))
        return generator

    def _state(self, content: Any, live: Any) -> Any:
        if hasattr(live, "load_state_dict"):
            live.load_state_dict(self.decode(content, dict(live.state_dict())))
        return live

    def _fields(self, content: Any, live: Any) -> Any:
        if not dataclasses.is_dataclass(live):
            return live
        names = [each.name for each in dataclasses.fields(live)]
        old = {name: getattr(live, name) for name in names}
        for name, value in self.decode(content, dict(old)).items():
            if name in old:
                object.__setattr__(live, name, value)
        return live


def alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Return whether both tensors have the same shape and type."""
    return (one.shape, one.dtype) == (other.shape, other.dtype)


def _label(key: Any, number: int) -> str:
    """Return the name of an item in a place: its key if an identifier, or its number."""
    return key if isinstance(key, str) and key.isidentifier() else str(number)


def _rank(value: Any) -> tuple[str, Any]:
    """Return a sort key for the items of a set, of whatever types."""
    plain = isinstance(value, (int, float, str))
    return type(value).__name__, value if plain else repr(value)


def _new_map(name: str, factory: str | None) -> Any:
    if name == "defaultdict":
        return defaultdict(_FACTORIES.get(factory or ""))
    return next(each for each in _MAPS if each.__name__ == name)()


def _state_of(generator: Generator) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()


def _set_state(generator: Generator, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)
