"""What torch, NumPy and Python keep once per process or thread, for each node apart."""

import _random
import ctypes
import random
from typing import Any

import numpy as np
import torch
from numpy.random.mtrand import get_bit_generator, set_bit_generator

from decentralizepy.node.process import gpu_generators, restore_gpu_generators

_TWISTER_BYTES = 2_500  # of its state: 624 words, and the position of the next one
_END_BYTES = 8  # the last word and the position, one of which changes with every draw
_PYTHON: Any = random._inst  # behind random.random() and the like
# Its state lies behind the header that all objects have. getstate() makes 625 integers of
# it, and takes longer than a turn's share of all else here.
_PYTHON_STATE = id(_PYTHON) + object.__basicsize__
_PYTHON_BYTES = _random.Random.__basicsize__ - object.__basicsize__


class Globals:
    """The global generators, torch's modes and default type, as a node left them.

    Created with the present values.
    """

    def __init__(self) -> None:
        present: Any = get_bit_generator()
        self._bits = np.random.MT19937()
        self._bits.state = present.state
        self._seen = b""
        self._full: Any = None
        self.note()

    def note(self) -> None:
        """Keep the present values."""
        self._python = ctypes.string_at(_PYTHON_STATE, _PYTHON_BYTES)
        self._gauss = _PYTHON.gauss_next
        self._torch = torch.get_rng_state()
        self._gpus = gpu_generators()
        self._grad = torch.is_grad_enabled()
        self._dtype = torch.get_default_dtype()
        seen = _end_of(get_bit_generator())
        if not seen or seen != self._seen:  # else nothing was drawn since ``apply``
            full: Any = np.random.get_state(legacy=False)
            self._full = full if full["has_gauss"] else None

    def apply(self) -> None:
        """Set the values that were kept.

        Each node has its own bit generator, because to copy the state of NumPy's takes
        longer than all else. What the generator does not hold is the second of a pair of
        normal numbers, if only the first was drawn.
        """
        ctypes.memmove(_PYTHON_STATE, self._python, _PYTHON_BYTES)
        _PYTHON.gauss_next = self._gauss
        torch.set_rng_state(self._torch)
        restore_gpu_generators(self._gpus)
        if torch.is_grad_enabled() != self._grad:
            torch.set_grad_enabled(self._grad)
        if torch.get_default_dtype() != self._dtype:
            torch.set_default_dtype(self._dtype)
        set_bit_generator(self._bits)
        if self._full is not None:
            np.random.set_state(self._full)
        self._seen = _end_of(self._bits)


def _end_of(bits: Any) -> bytes:
    """Return the end of the state of NumPy's default kind of generator, or nothing."""
    if not isinstance(bits, np.random.MT19937):
        return b""
    end = bits.ctypes.state_address + _TWISTER_BYTES
    return ctypes.string_at(end - _END_BYTES, _END_BYTES)
