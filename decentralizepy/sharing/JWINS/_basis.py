"""PartialModel in the basis of a transform."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from decentralizepy.sharing._checks import Fraction
from decentralizepy.sharing.PartialModel import PartialModel


class BasisSharing(PartialModel):
    """Choose, send and average the coefficients of a linear transform of the model.

    Subclasses state the transform. With ``change_based_selection`` the coefficients
    that changed most are sent; without, the largest. All other options are those of
    :class:`~decentralizepy.sharing.PartialModel.PartialModel`.
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

    def choose(self, scores: torch.Tensor) -> npt.NDArray[np.int32]:
        if not self.change_based_selection:
            scores = self.coefficients()
        return super().choose(scores)

    def record(self) -> dict[str, Any]:
        return super().record() | {"alpha": self.alpha}
