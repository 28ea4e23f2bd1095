"""``decentralizepy check --network``: whether machines reach each other, and how fast."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from decentralizepy.monitor.units import size

if TYPE_CHECKING:
    from rich.table import Table

    from decentralizepy.placement.survey import Survey


def check_network(chosen: Mapping[str, Any]) -> int:
    """Measure the network together with the other machines; machine 0 prints a table.

    Returns
    -------
    int
        The exit status: 0, or 1 if a run would not work.
    """
    from rich.console import Console

    from decentralizepy.placement.survey import survey

    found = survey(chosen)
    if found.names:
        Console().print(table(found))
    for line in (*found.problems, *(f"warning: {each}" for each in found.warnings)):
        print(line, file=sys.stderr)
    return 1 if found.problems else 0


def table(found: Survey) -> Table:
    """Return the round trips, bandwidths and clocks: from the row's machine to each."""
    from rich.table import Table

    made = Table("from", *(f"to {machine}" for machine in found.names), "clock")
    ahead = {way.to: way.ahead for way in found.ways[0] if not way.failure}
    for machine, name in found.names.items():
        cells = {way.to: _cell(way) for way in found.ways[machine]}
        clock = f"{1000 * ahead[machine]:+.1f} ms" if machine in ahead else ""
        made.add_row(name, *(cells.get(other, "") for other in found.names), clock)
    return made


def _cell(way: Any) -> str:
    if way.failure:
        return "blocked"
    return f"{1000 * way.round_trip:.2f} ms\n{size(way.rate)}/s"
