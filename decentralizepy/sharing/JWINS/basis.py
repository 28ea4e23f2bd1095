"""PartialModel in a transform domain."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.config.order import in_order
from decentralizepy.sharing.PartialModel import PartialModel
from decentralizepy.sharing.sparse import whole_numbers


class BasisSharing(PartialModel):
    """Choose, send and average the coefficients of a linear transform of the model.

    Subclasses define it by ``forward`` and ``backward``. Integers (BatchNorm's counter),
    which would distort the weights next to them, are not shared.

    Parameters
    ----------
    change_based_selection : bool, default True
        Send the coefficients that changed most instead of the largest ones.
    others
        As for :class:`~decentralizepy.sharing.PartialModel.PartialModel`.
    """

    fixed_options = ("change_transformer",)

    @in_order(
        8,
        "alpha dict_ordered save_shared metadata_cap change_based_selection "
        "save_accumulated accumulation accumulate_averaging_changes "
        "compress compression_package compression_class float_precision",
    )
    def __init__(
        self, *parts: Any, change_based_selection: bool = True, **options: Any
    ) -> None:
        super().__init__(*parts, **options)
        self.change_based_selection = change_based_selection

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        """Return the coefficients, of shape (M,), of a vector of shape (N,)."""
        raise NotImplementedError

    def backward(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Invert ``forward``."""
        raise NotImplementedError

    def transform(self, vector: torch.Tensor) -> torch.Tensor:
        return self.forward(self._without_whole(vector.clone()))

    def inverse(self, coefficients: torch.Tensor) -> torch.Tensor:
        return self._without_whole(self.backward(coefficients))

    def choose(self, scores: torch.Tensor) -> npt.NDArray[np.int32]:
        if not self.change_based_selection:
            scores = self.coefficients()
        return super().choose(scores)

    def record(self) -> dict[str, Any]:
        return super().record() | {"alpha": self.alpha}

    def _without_whole(self, vector: torch.Tensor) -> torch.Tensor:
        vector[self._whole] = 0
        return vector

    @cached_property
    def _whole(self) -> torch.Tensor:
        return whole_numbers(self.flat)
