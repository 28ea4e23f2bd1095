"""Base class of networks, with the state that sharing algorithms store in them."""

import io
from pathlib import Path
from typing import ClassVar

import torch

from decentralizepy.files import write_atomic
from decentralizepy.models.flat import tensors


class Model(torch.nn.Module):
    """A network; subclass it like ``torch.nn.Module``.

    Attributes
    ----------
    model_change : torch.Tensor or None
        The change from the last training, set by sharing algorithms.
    accumulated_changes : torch.Tensor or None
        Changes that have not been sent yet, of shape (N,).
    shared_parameters_counter : torch.Tensor or None
        How often each parameter was sent, of shape (N,).
    """

    checkpointed = ("model_change",)

    replaced: ClassVar[dict[str, str]] = {
        "rewind_accumulation": "_post_step of a sharing class"
    }
    """Methods of DecentralizePy that nothing calls, and what to override instead."""

    def __init__(self) -> None:
        super().__init__()
        self.model_change: torch.Tensor | None = None
        self.accumulated_changes: torch.Tensor | None = None
        self.shared_parameters_counter: torch.Tensor | None = None

    def count_params(self, only_trainable: bool = False) -> int:
        """Return the number of parameters, without buffers."""
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if parameter.requires_grad or not only_trainable
        )

    def rewind_accumulation(self, indices: torch.Tensor) -> None:
        """Reset ``accumulated_changes``, if any, to 0 at ``indices``."""
        if self.accumulated_changes is not None:
            self.accumulated_changes[indices] = 0.0

    def get_weights(self) -> torch.Tensor:
        """Return a copy of the ``state_dict``, buffers included, as one vector."""
        return torch.cat([tensor.flatten() for tensor in tensors(self).values()])

    def dump_weights(self, directory: str, uid: int, round: int) -> None:
        """Write the ``state_dict`` to ``<round>_weight_<uid>.pt``, atomically.

        Its tensors are on the CPU, so that machines without a GPU can read them.
        """
        state, buffer = self.state_dict(), io.BytesIO()
        for name, value in state.items():
            state[name] = value.cpu() if isinstance(value, torch.Tensor) else value
        torch.save(state, buffer)
        path = Path(directory, f"{round}_weight_{uid}.pt")
        write_atomic(path, buffer.getvalue())

    def load_weights(self, path: str | Path) -> None:
        """Load weights written by :meth:`dump_weights`; no code in the file is executed."""
        self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
