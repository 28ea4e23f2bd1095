"""Sharing of the wavelet coefficients that changed most."""

from typing import Annotated, Any

import numpy as np
import pywt
import torch
from pydantic import Field

from decentralizepy.config.order import in_order
from decentralizepy.errors import ConfigError, did_you_mean
from decentralizepy.sharing.JWINS.basis import BasisSharing
from decentralizepy.sharing.PartialModel import Entries

Level = Annotated[int, Field(ge=0)]


class Wavelet(BasisSharing):
    """Average models as wavelet coefficients.

    The transform is PyWavelets' ``wavedec`` of the model vector, with symmetric
    extension, which adds a few coefficients: M >= N.

    Parameters
    ----------
    wavelet : str, default "haar"
        A discrete wavelet of PyWavelets.
    level : int, default 4
        Decomposition level; at most the maximum level for the wavelet and model size.
    others
        As for :class:`~decentralizepy.sharing.JWINS.basis.BasisSharing`.
    """

    derived = ("wavelet",)

    @in_order(
        8,
        "alpha dict_ordered save_shared metadata_cap wavelet level "
        "change_based_selection save_accumulated accumulation "
        "accumulate_averaging_changes "
        "compress compression_package compression_class float_precision",
    )
    def __init__(
        self, *parts: Any, wavelet: str = "haar", level: Level = 4, **options: Any
    ) -> None:
        self.wavelet, self.level = find_wavelet(wavelet), level
        super().__init__(*parts, **options)

    @classmethod
    def prepare(cls, **options: Any) -> None:
        super().prepare(**options)
        find_wavelet(options.get("wavelet", "haar"))

    def select(self) -> Entries:
        return self.apply_wavelet()

    def apply_wavelet(self) -> Entries:
        """Return the wavelet coefficients (k,) to send, and their indices (k,)."""
        return super().select()

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        level = min(self.level, pywt.dwt_max_level(len(vector), self.wavelet))
        parts = pywt.wavedec(vector.numpy(), self.wavelet, level=level)
        self._ends = np.cumsum([len(part) for part in parts])
        return torch.from_numpy(np.concatenate(parts))

    def backward(self, coefficients: torch.Tensor) -> torch.Tensor:
        parts = np.split(coefficients.numpy(), self._ends[:-1])
        vector = pywt.waverec(parts, self.wavelet)
        return torch.from_numpy(vector[: self.flat.size])


def find_wavelet(name: str) -> pywt.Wavelet:
    """Return the discrete wavelet ``name``; raise a ConfigError if it does not exist."""
    known = pywt.wavelist(kind="discrete")
    if name not in known:
        hint = did_you_mean(name, known) or "; such as haar or sym2"
        raise ConfigError(
            f"no discrete wavelet{hint}", section="SHARING", key="wavelet", value=name
        )
    return pywt.Wavelet(name)
