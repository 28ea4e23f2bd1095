"""PartialModel in the basis of a transform."""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.sharing.checks import Fraction
from decentralizepy.sharing.PartialModel import PartialModel
from decentralizepy.sharing.sparse import whole_numbers


class BasisSharing(PartialModel):
    """Choose, send and average the coefficients of a linear transform of the model.

    Subclasses state it by ``forward`` and ``backward``. Whole numbers (BatchNorm's
    counter), whose size would blur the weights beside them, stay each node's own.

    Parameters
    ----------
    change_based_selection : bool, default True
        Send the coefficients that changed most; if not, the largest.
    others
        As for :class:`~decentralizepy.sharing.PartialModel.PartialModel`.
    """

    def __init__(
        self,
        rank: int,
        machine_id: int,
        communication: Any,
        mapping: Any,
        graph: Any,
        model: torch.nn.Module,
        dataset: Any,
        log_dir: str,
        alpha: Fraction = 1.0,
        dict_ordered: bool = True,
        save_shared: bool = False,
        metadata_cap: float = 1.0,
        change_based_selection: bool = True,
        save_accumulated: bool | str = "",
        accumulation: bool = False,
        accumulate_averaging_changes: bool = False,
        compress: bool = False,
        compression_package: str | None = None,
        compression_class: str | None = None,
        float_precision: int | None = None,
    ) -> None:
        super().__init__(
            *(rank, machine_id, communication, mapping, graph, model, dataset, log_dir),
            *(alpha, dict_ordered, save_shared, metadata_cap),
            accumulation=accumulation,
            save_accumulated=save_accumulated,
            accumulate_averaging_changes=accumulate_averaging_changes,
            compress=compress,
            compression_package=compression_package,
            compression_class=compression_class,
            float_precision=float_precision,
        )
        self.change_based_selection = change_based_selection

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        """Return the coefficients, of shape (M,), of a vector of shape (N,)."""
        raise NotImplementedError

    def backward(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Return the vector of ``forward``."""
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
