"""Where the modules of a model keep its tensors."""

from collections.abc import Iterable

import torch


class Places:
    """Notices when a tensor of a model, or a module, is replaced, added or moved.

    This takes a quarter of the time of going through the ``state_dict``.

    Parameters
    ----------
    model : torch.nn.Module
    tensors : iterable of torch.Tensor
        The parameters and buffers to look after.
    """

    def __init__(self, model: torch.nn.Module, tensors: Iterable[torch.Tensor]) -> None:
        modules = list(model.modules())
        self._children = [(m._modules, dict(m._modules)) for m in modules if m._modules]
        owners = [owner for m in modules for owner in (m._parameters, m._buffers)]
        self._counts = [(owner, len(owner)) for owner in owners]
        self._tensors = [
            (owner, name, tensor, None if tensor is None else tensor.data_ptr())
            for owner in owners
            for name, tensor in owner.items()
        ]
        kept = {id(tensor) for _, _, tensor, _ in self._tensors}
        self._complete = kept.issuperset(map(id, tensors))

    def hold(self) -> bool:
        """Return whether all tensors are where they were, also in memory.

        Never if the ``state_dict`` has tensors that no module keeps.
        """
        for owner, name, tensor, pointer in self._tensors:
            if owner.get(name) is not tensor:
                return False
            if tensor is not None and tensor.data_ptr() != pointer:
                return False
        for owner, count in self._counts:
            if len(owner) != count:
                return False
        for children, before in self._children:
            if children != before:
                return False
        return self._complete
