"""Torus."""

from math import isqrt
from typing import Annotated

from pydantic import Field

from decentralizepy.errors import GraphError
from decentralizepy.graphs.Graph import Graph


class Torus(Graph):
    """Connect nodes to those above, below, left and right in a grid that wraps around.

    Node uid is in row ``uid // columns``. Degrees are 4, or less in a grid of fewer than
    three rows or columns.

    Parameters
    ----------
    n_procs : int
        Number of nodes.
    rows : int, optional
        A divisor of the number of nodes; by default the largest up to its square root.

    Raises
    ------
    GraphError
        If ``rows`` is not a divisor.
    """

    def __init__(
        self, n_procs: int, rows: Annotated[int, Field(ge=1)] | None = None
    ) -> None:
        super().__init__(n_procs)
        divisors = [each for each in range(1, n_procs + 1) if n_procs % each == 0]
        if rows is None:
            rows = max(each for each in divisors if each <= isqrt(n_procs))
        if rows not in divisors:
            listed = ", ".join(map(str, divisors))
            raise GraphError(f"rows = {rows}: expected one of {listed}")
        columns = n_procs // rows
        for uid in range(n_procs):
            row, column = divmod(uid, columns)
            right = row * columns + (column + 1) % columns
            below = (row + 1) % rows * columns + column
            self.add_edges([(uid, right), (uid, below)])
