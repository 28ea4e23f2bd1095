"""JWINS: sharing of a random fraction of the wavelet coefficients."""

import random
from collections.abc import Sequence
from typing import Any

from decentralizepy.config.numbers import evaluate
from decentralizepy.config.order import in_order
from decentralizepy.errors import ConfigError
from decentralizepy.randomness import Purpose, derive_seed, seed_of
from decentralizepy.sharing.JWINS.Wavelet import Wavelet

DEFAULT_ALPHAS = "[0.1, 0.2, 0.3, 0.4, 1.0]"


class JWINS(Wavelet):
    """In each round, draw which fraction of the wavelet coefficients to send.

    Dhasade, Kermarrec, Pires, Sharma, Vujasinovic and Wigger, Get More for Less in
    Decentralized Learning Systems, ICDCS 2023. The published setting is the list
    ``[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 1.0]``, wavelet ``sym2``, ``accumulation`` and
    ``accumulate_averaging_changes``, ``metadata_cap`` 0.5, and EliasFpzip.

    Parameters
    ----------
    alpha_list : str
        A list of numbers in (0, 1], one of which is drawn uniformly in each round, by a
        generator derived from this node and the seed of the run.
    others
        As for :class:`~decentralizepy.sharing.JWINS.Wavelet.Wavelet`.
    """

    fixed_options = ("alpha",)

    checkpointed = ("_random",)

    @in_order(
        8,
        "alpha_list dict_ordered save_shared metadata_cap wavelet level "
        "change_based_selection save_accumulated accumulation "
        "accumulate_averaging_changes "
        "compress compression_package compression_class float_precision",
    )
    def __init__(
        self,
        *parts: Any,
        alpha_list: str | Sequence[float] = DEFAULT_ALPHAS,
        **options: Any,
    ) -> None:
        self.alphas = read_alphas(alpha_list)
        super().__init__(*parts, alpha=self.alphas[0], **options)
        seed = derive_seed(Purpose.ALPHAS, seed_of(self.dataset), self.uid)
        self._random = random.Random(seed)

    @classmethod
    def prepare(cls, **options: Any) -> None:
        super().prepare(**options)
        read_alphas(options.get("alpha_list", DEFAULT_ALPHAS))

    def _pre_step(self) -> None:
        self.alpha = self._random.choice(self.alphas)
        super()._pre_step()


def read_alphas(text: str | Sequence[float]) -> list[float]:
    """Return the numbers of ``alpha_list``; raise a ConfigError if it is invalid."""
    try:
        alphas = list(evaluate(text) if isinstance(text, str) else text)
        if alphas and all(0 < alpha <= 1 for alpha in alphas):
            return alphas
    except (ValueError, TypeError):
        pass
    raise ConfigError(
        section="SHARING",
        key="alpha_list",
        value=text,
        expected="numbers in (0, 1], such as [0.1, 0.4, 1.0]",
    )
