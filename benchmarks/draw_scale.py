"""Draw what ``python -m benchmarks.scale --csv FILE`` wrote: cost against nodes.

Usage: python -m benchmarks.draw_scale FILE.csv docs/scale.png
"""

import sys
from pathlib import Path

import pandas as pd

from decentralizepy.figures.style import (
    COLOURS,
    MARKERS,
    add_legend,
    dress,
    figure,
    rendered,
)


def draw(table: pd.DataFrame) -> bytes:
    """Return the picture of a table with a row per engine and number of nodes."""
    drawn = figure(6, 3.6)
    axes = drawn.add_subplot()
    for number, engine in enumerate(table["engine"].unique()):
        rows = table[table["engine"] == engine].sort_values("nodes")
        look = {"color": COLOURS[number], "marker": MARKERS[number], "label": engine}
        axes.plot(rows["nodes"], rows["steps"], **look)
    bare = (table["steps"] / table["loops"]).groupby(table["nodes"]).mean().dropna()
    axes.plot(bare.index, bare, ":", color=COLOURS[-1], label="arithmetic alone")
    dress(axes, "nodes", "CPU time per node and round\n(steps of plain training)")
    axes.set(xscale="log", yscale="log")
    axes.autoscale()
    ticks = sorted(table["nodes"].unique())
    axes.set_xticks(ticks, [f"{nodes:,}" for nodes in ticks], minor=False)
    axes.minorticks_off()
    add_legend(drawn, axes, outside=True)
    return rendered(drawn)


def main() -> None:
    """Write the picture."""
    source, target = map(Path, sys.argv[1:])
    target.write_bytes(draw(pd.read_csv(source)))


if __name__ == "__main__":
    main()
