"""What torch, NumPy and Python keep once per process or thread, for each node apart."""

import ctypes
import random
from typing import Any

import numpy as np
import torch
from numpy.random.mtrand import get_bit_generator, set_bit_generator

_TWISTER_BYTES = 2_500  # of its state: 624 words, and the position of the next one


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
        self._python = random.getstate()
        self._torch = torch.get_rng_state()
        self._grad = torch.is_grad_enabled()
        self._dtype = torch.get_default_dtype()
        seen = _state_of(get_bit_generator())
        if not seen or seen != self._seen:  # else nothing was drawn since ``apply``
            full: Any = np.random.get_state(legacy=False)
            self._full = full if full["has_gauss"] else None

    def apply(self) -> None:
        """Set the values that were kept.

        Each node has its own bit generator, because to copy the state of NumPy's takes
        longer than all else. What the generator does not hold is the second of a pair of
        normal numbers, if only the first was drawn.
        """
        random.setstate(self._python)
        torch.set_rng_state(self._torch)
        torch.set_grad_enabled(self._grad)
        torch.set_default_dtype(self._dtype)
        set_bit_generator(self._bits)
        if self._full is not None:
            np.random.set_state(self._full)
        self._seen = _state_of(self._bits)


def _state_of(bits: Any) -> bytes:
    """Return the state of NumPy's default kind of global generator, or nothing."""
    if not isinstance(bits, np.random.MT19937):
        return b""
    return ctypes.string_at(bits.ctypes.state_address, _TWISTER_BYTES)
