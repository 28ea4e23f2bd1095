"""Random geometric graph."""

import math
from typing import Annotated

from pydantic import Field

from decentralizepy.graphs.Graph import Graph
from decentralizepy.randomness import Purpose, stream


class RandomGeometric(Graph):
    """Place nodes at random in the unit square; connect those within ``radius``.

    A model of wireless sensor networks (Penrose, Random Geometric Graphs, 2003). The graph
    may be disconnected; above the default radius, it rarely is.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    radius : float, optional
        The default is ``sqrt(2 log(n) / n)``; graphs are connected with high probability
        above ``sqrt(log(n) / (pi n))``.
    seed : int, default 0
        The seed of the places.
    """

    def __init__(
        self,
        n_procs: int,
        radius: Annotated[float, Field(gt=0)] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(n_procs)
        reach = math.sqrt(2 * math.log(n_procs) / n_procs) if radius is None else radius
        places = stream(Purpose.PLACES, seed).random((n_procs, 2)).tolist()
        self.add_edges(
            (uid, other)
            for uid in range(n_procs)
            for other in range(uid)
            if math.dist(places[uid], places[other]) <= reach
        )
