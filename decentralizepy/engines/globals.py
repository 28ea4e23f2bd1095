"""What torch, NumPy and Python keep once per process or thread, and nodes need for themselves."""

import random
from typing import Any, NamedTuple

import numpy as np
import torch


class Globals(NamedTuple):
    """The global generators, torch's modes and default type, as a node left them."""

    python: Any
    numpy: Any
    drawn: torch.Tensor
    grad: bool
    dtype: torch.dtype

    @classmethod
    def now(cls) -> "Globals":
        """Return the present values."""
        return cls(
            random.getstate(),
            np.random.get_state(),
            torch.get_rng_state(),
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
        )

    def apply(self) -> None:
        """Set these values."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.drawn)
        torch.set_grad_enabled(self.grad)
        torch.set_default_dtype(self.dtype)
