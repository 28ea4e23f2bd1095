"""What the two sequences of EquiTopo have in common."""

from typing import Annotated

from pydantic import Field

from decentralizepy.graphs.TimeVarying import TimeVarying


class EquiDyn(TimeVarying):
    """A sequence of graphs that connect nodes a random shift apart.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    eta : float, default 0.5
        How much nodes mix, between 0 and 1; the default is fastest.
    seed : int, default 0
        The same seed gives the same sequence on every node.
    """

    def __init__(
        self,
        n_procs: int,
        eta: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        seed: int = 0,
    ) -> None:
        self.eta, self.seed = eta, seed
        super().__init__(n_procs)

    @property
    def share(self) -> float:
        """The weight of a model that is received."""
        return self.eta * (self.n_procs - 1) / self.n_procs
