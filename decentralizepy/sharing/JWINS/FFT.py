"""Sharing of the Fourier coefficients that changed most."""

import torch

from decentralizepy.sharing.JWINS.basis import BasisSharing
from decentralizepy.sharing.PartialModel import Entries


class FFT(BasisSharing):
    """Average models as spectra: N real numbers become N // 2 + 1 complex ones.

    Options as for :class:`~decentralizepy.sharing.JWINS.basis.BasisSharing`.
    """

    def select(self) -> Entries:
        return self.apply_fft()

    def apply_fft(self) -> Entries:
        """Return the Fourier coefficients (k,) to send, and their indices (k,)."""
        return super().select()

    def forward(self, vector: torch.Tensor) -> torch.Tensor:
        spectrum: torch.Tensor = torch.fft.rfft(vector)
        return spectrum

    def backward(self, coefficients: torch.Tensor) -> torch.Tensor:
        vector: torch.Tensor = torch.fft.irfft(coefficients, n=self.flat.size)
        return vector
