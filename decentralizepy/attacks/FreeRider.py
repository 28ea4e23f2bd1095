"""The average of what the node received, with a little noise, instead of training."""

from typing import Annotated, Any

from pydantic import Field

from decentralizepy.attacks.Gaussian import Gaussian


class FreeRider(Gaussian):
    """Do not train; send ``x + std * z``, where x is the node's average of the last round.

    z is standard normal, and hides that nothing was learned. Fraboni, Vidal and Lorenzi,
    Free-rider Attacks on Model Aggregation in Federated Learning, AISTATS 2021, section
    3.2, with noise of a constant size.

    Parameters
    ----------
    std : float, default 0.001
        Standard deviation of the noise in each entry; 0 sends the average itself.
    """

    def __init__(
        self, uid: int, seed: int, std: Annotated[float, Field(ge=0)] = 0.001
    ) -> None:
        super().__init__(uid, seed, std)

    def corrupt(self, trainer: Any, dataset: Any) -> None:
        trainer.train = idle


def idle(dataset: Any) -> None:
    """Do nothing, instead of training."""
