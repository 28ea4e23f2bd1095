"""Values as JSON and tensors, and back: what a checkpoint is made of."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

Tensors = dict[str, torch.Tensor]
_PLAIN = (bool, int, float, str, type(None))
_SERIES: dict[type, str] = {list: "list", tuple: "tuple", set: "set", deque: "deque"}
_KINDS: dict[str, Callable[[Iterable[Any]], Any]] = {
    name: kind for kind, name in _SERIES.items()
}
Generator = random.Random | np.random.Generator | torch.Generator


class NoState(TypeError):
    """A value that is no state: a part of the node, a file, a function."""


def pack(value: Any, tensors: Tensors, place: str = "") -> Any:
    """Return ``value`` as JSON; its tensors and arrays go to ``tensors``, by place.

    Raises
    ------
    NoState
        If a value in it is none that can be packed.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        tensors[place] = torch.from_numpy(np.array(value, order="C"))
        return {"array": place}
    if isinstance(value, torch.Tensor):
        # a copy: the file format takes no two tensors over one memory
        tensors[place] = value.detach().cpu().contiguous().clone()
        return {"tensor": place}
    if isinstance(value, Generator):
        return {type(value).__name__: _pack_generator(value, tensors, place)}
    if isinstance(value, dict):
        items = enumerate(value.items())
        return {"dict": [_pack_item(i, kv, tensors, place) for i, kv in items]}
    if (kind := _SERIES.get(type(value))) is None:
        raise NoState(f"{place}: a {type(value).__name__}")
    parts = sorted(value) if kind == "set" else value
    return {kind: [pack(v, tensors, f"{place}.{i}") for i, v in enumerate(parts)]}


def unpack(form: Any, tensors: Tensors) -> Any:
    """Return what ``pack`` was given; generators as (name, state)."""
    if not isinstance(form, dict):
        return form
    ((kind, content),) = form.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return tensors[content].numpy()
    if kind == "dict":
        return {unpack(key, tensors): unpack(v, tensors) for key, v in content}
    if kind in _KINDS:
        return _KINDS[kind](unpack(each, tensors) for each in content)
    return Drawn(unpack(content, tensors))


class Drawn:
    """The state of a generator."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def restore(self, generator: Generator) -> None:
        """Have ``generator`` go on from here."""
        if isinstance(generator, random.Random):
            generator.setstate(self.state)
        elif isinstance(generator, np.random.Generator):
            generator.bit_generator.state = self.state
        else:
            generator.set_state(self.state)


def put(old: Any, new: Any) -> Any:
    """Return ``new`` in place of ``old``, in its very memory where it fits.

    Two names of one tensor stay names of one tensor so.
    """
    if isinstance(new, Drawn):
        new.restore(old)
        return old
    if alike(old, new):
        with torch.no_grad():
            old.copy_(new)
        return old
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        old.update({key: put(old[key], new[key]) for key in old})
        return old
    if isinstance(old, deque) and isinstance(new, deque):
        return deque(new, old.maxlen)
    return new


def alike(one: Any, other: Any) -> bool:
    """Tell whether both are tensors of one shape and type."""
    tensors = isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor)
    return tensors and (one.shape, one.dtype) == (other.shape, other.dtype)


def attributes(part: Any, tensors: Tensors, place: str) -> dict[str, Any]:
    """Return the state that an object keeps in its attributes, packed.

    That is its numbers, tensors, generators and containers of such. Texts, parts of the
    node and what torch keeps in a module's private attributes are left out.
    """
    packed = {}
    for name, value in vars(part).items():
        if isinstance(value, str) or name in _TORCH:
            continue
        found: Tensors = {}
        try:
            packed[name] = pack(value, found, f"{place}.{name}")
        except NoState:
            continue
        tensors.update(found)
    return packed


def generators(part: Any, tensors: Tensors, place: str) -> dict[str, Any]:
    """Return the states of the generators that an object keeps, packed."""
    kept = {k: v for k, v in vars(part).items() if isinstance(v, Generator)}
    return {name: pack(each, tensors, f"{place}.{name}") for name, each in kept.items()}


_TORCH = frozenset(vars(torch.nn.Module()))


def restore(part: Any, packed: dict[str, Any], tensors: Tensors) -> None:
    """Give ``part`` the attributes that :func:`attributes` returned."""
    for name, form in packed.items():
        setattr(part, name, put(vars(part).get(name), unpack(form, tensors)))


def _pack_item(number: int, item: Any, tensors: Tensors, place: str) -> list[Any]:
    key, value = item
    return [
        pack(key, tensors, f"{place}.{number}k"),
        pack(value, tensors, f"{place}.{number}"),
    ]


def _pack_generator(generator: Generator, tensors: Tensors, place: str) -> Any:
    if isinstance(generator, random.Random):
        state: Any = generator.getstate()
    elif isinstance(generator, np.random.Generator):
        state = generator.bit_generator.state
    else:
        state = generator.get_state()
    return pack(state, tensors, place)
