"""Figure for a paper: one metric of several methods, in the width of a column or page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from decentralizepy.errors import DataError, did_you_mean
from decentralizepy.figures.style import (
    COLOURS,
    MARKERS,
    TITLES,
    band,
    dress,
    figure,
    rendered,
)
from decentralizepy.monitor.units import byte_unit
from decentralizepy.results.labels import differing
from decentralizepy.results.methods import Method
from decentralizepy.results.statistics import ALONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

WIDTHS = {"column": 3.4, "page": 7.0}  # inches, of two-column templates
HEIGHT = 2.4
AXES = {
    "rounds": "round",
    "bytes": "sent per node",
    "seconds": "time (s)",
    "virtual_time": "virtual time (s)",
}
# dashes that stay apart at 8 points, in the pattern of matplotlib: (offset, (on, off, ...))
DASHES: tuple[Any, ...] = (
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1.2)),
    (0, (5, 1.5, 1.2, 1.5)),
    (0, (8, 2)),
    (0, (3, 1.2, 1.2, 1.2, 1.2, 1.2)),
)
_MARKED = 8  # points of a line
_SMALL: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 7,
    "pdf.fonttype": 42,  # TrueType, which publishers demand, instead of Type 3
    "ps.fonttype": 42,
    "svg.fonttype": "none",
    "axes.linewidth": 0.6,
}


def draw(
    methods: Sequence[Method], x: str, y: str, width: str = "column", form: str = "pdf"
) -> bytes:
    """Return a figure of a metric, with a line per method.

    Parameters
    ----------
    methods
    x
        ``rounds``, ``bytes``, ``seconds`` or ``virtual_time``; all but the first are
        means over nodes.
    y
        The name of a metric.
    width
        ``column`` or ``page``.
    form
        ``pdf``, ``png`` or ``svg``.

    Raises
    ------
    DataError
        If no run has the metric.
    """
    import matplotlib as mpl

    spreads = [method.spread(y) for method in methods]
    if not any(map(len, spreads)):
        known = sorted({name for each in methods for name in each.metrics})
        hint = did_you_mean(y, known) or f"; these are: {', '.join(known)}"
        raise DataError(f"--y {y}: no run has this metric{hint}")
    with mpl.rc_context(_SMALL):
        drawn = figure(WIDTHS[width], HEIGHT)
        axes = drawn.add_subplot()
        banded = _draw_all(axes, methods, spreads, x, y)
        _add_legend(drawn, axes, banded)
        return rendered(drawn, form, dpi=300)


def _draw_all(
    axes: Axes, methods: Sequence[Method], spreads: Sequence[DataFrame], x: str, y: str
) -> list[Method]:
    """Draw all lines in one unit, and label the axes; return the methods with a band."""
    x_scale, x_unit = _bytes_sent(methods) if x == "bytes" else (1, "")
    top = max(spread["mean"].max() for spread in spreads if len(spread))
    y_scale, y_unit = byte_unit(top) if y.startswith("total_") else (1, "")
    labels, banded = differing(methods), []
    for number, (method, spread) in enumerate(zip(methods, spreads, strict=True)):
        along, scaled = _along(method, spread, x) / x_scale, spread / y_scale
        if _band(axes, along, scaled, number, method.repeated):
            banded.append(method)
        _line(axes, along, scaled, labels[number], number)
    title = TITLES.get(y, y)
    x_title = f"{AXES[x]} ({x_unit})" if x_unit else AXES[x]
    dress(axes, x_title, f"{title} ({y_unit})" if y_unit else title)
    axes.grid(linewidth=0.4)
    axes.set_xlim(0, 1.02 * axes.dataLim.x1)
    return banded


def _bytes_sent(methods: Sequence[Method]) -> tuple[float, str]:
    """Return the unit of the bytes sent, with its size."""
    sent = [method.spread("total_bytes")["mean"].max() for method in methods]
    return byte_unit(max(sent))


def _along(method: Method, spread: DataFrame, x: str) -> Any:
    if x == "rounds":
        return spread.index.to_numpy(float)
    return method.spread(ALONG.get(x, x))["mean"].reindex(spread.index).to_numpy(float)


def _band(axes: Axes, x: Any, spread: DataFrame, number: int, repeated: bool) -> bool:
    """Draw a band, filled over seeds and outlined over nodes; return whether there is one."""
    colour = COLOURS[number % len(COLOURS)]
    lower, upper = band(spread)
    if not (lower < upper).any():
        return False
    if repeated:
        axes.fill_between(x, lower, upper, color=colour, alpha=0.2, linewidth=0)
        return True
    for end in (lower, upper):
        axes.plot(x, end, color=colour, linewidth=0.5, linestyle=":")
    return True


def _line(axes: Axes, x: Any, spread: DataFrame, label: str, number: int) -> None:
    colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
    (line,) = axes.plot(x, spread["mean"], color=colour, linewidth=1.1, label=label)
    every = max(1, -(-len(spread) // _MARKED))
    line.set(linestyle=dashes, marker=MARKERS[number % len(MARKERS)], markersize=3.5)
    line.set_markevery((number % every, every))  # not one upon another


def _add_legend(drawn: Figure, axes: Axes, banded: Sequence[Method]) -> None:
    """Add a legend above the axes, which says what the bands are, too."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    seeds = sorted({len(method.runs) for method in banded if method.repeated})
    if seeds:
        handles.append(Patch(color="0.75"))
        labels.append(f"95 % interval, {' or '.join(map(str, seeds))} seeds")
    for many in sorted({method.many for method in banded if not method.repeated}):
        handles.append(Line2D([], [], color="0.3", linewidth=0.5, linestyle=":"))
        labels.append("10 to 90 % of nodes" if many else "±1 std over nodes")
    columns = 2 if drawn.get_figwidth() < WIDTHS["page"] else 4
    drawn.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        handlelength=2.6,
        columnspacing=1.2,
    )
