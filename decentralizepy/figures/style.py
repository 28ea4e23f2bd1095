"""Common style of all figures: size, colors, bands, axes and file formats."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from decentralizepy.results.methods import Method
from decentralizepy.results.read import MANY, Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

Array = npt.NDArray[np.float64]

# Okabe and Ito's colorblind-safe palette, without yellow
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
TITLES = {
    "test_acc": "test accuracy (%)",
    "test_loss": "test loss",
    "train_loss": "training loss",
    "validation_acc": "validation accuracy (%)",
    "validation_loss": "validation loss",
    "mean_model_acc": "accuracy of the mean model (%)",
    "attack_success": "attack success (%)",
    "consensus_distance": "consensus distance",
    "mixing": "change of distance per round",
    "total_bytes": "sent per node",
    "total_data_per_n": "payload sent per node",
    "total_meta": "metadata sent per node",
    "total_control": "control bytes per node",
    "energy": "energy of a node (J)",
}
_STYLES = ("-", "--", ":", "-.")
_STD, _PERCENTILES = "±1 std", "10th to 90th percentile"
MARKERS = "os^Dv<>PXp"
_MARKED = 15  # points of a line that are marked


def figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, independent of global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def bands(runs: Iterable[Run | Method]) -> str:
    """Return what the lines and bands of :func:`draw_spread` are."""
    drawn = [*runs]
    repeated = [isinstance(each, Method) and each.repeated for each in drawn]
    many = {each.many for each, seeds in zip(drawn, repeated, strict=True) if not seeds}
    extent = _PERCENTILES if many == {True} else _STD
    if len(many) > 1:
        extent = f"{_STD}, of more than {MANY} nodes {_PERCENTILES}"
    if any(repeated):
        alone = f" (of one seed: {extent} over nodes)" if many else ""
        return f"line: mean of seeds   band: 95 % interval over seeds{alone}"
    return f"line: mean of nodes   band: {extent}   light: min to max"


def draw_spread(
    axes: Axes, x: Any, spread: DataFrame, label: str, number: int = 0
) -> None:
    """Draw a mean and its bands.

    Parameters
    ----------
    axes
    x
        One value per row of ``spread``.
    spread
        With the columns mean, lower, upper, low and high.
    label
        For the legend.
    number
        Selects the color, the marker and the dashes.
    """
    colour = COLOURS[number % len(COLOURS)]
    low, high = spread["low"], spread["high"]
    for ends, alpha in (((low, high), 0.1), (band(spread), 0.22)):
        if len(spread) == 1:  # a band of one round has no width
            axes.vlines(x, *ends, color=colour, alpha=alpha, linewidth=6)
        else:
            axes.fill_between(x, *ends, color=colour, alpha=alpha, linewidth=0)
    draw_mean(axes, x, spread, label, number)


def band(spread: DataFrame) -> tuple[Series[float], Series[float]]:
    """Return the ends of the band of a spread: ``lower`` and ``upper``, cut to what was measured.

    One std below the mean may lie below 0 %, for example.
    """
    lower = spread["lower"].clip(lower=spread["low"])
    return lower, spread["upper"].clip(upper=spread["high"])


def draw_mean(
    axes: Axes, x: Any, spread: DataFrame, label: str, number: int = 0
) -> None:
    """Draw only a mean, for when the bands of many runs would overlap."""
    colour = COLOURS[number % len(COLOURS)]
    style = _STYLES[number % len(_STYLES)]
    marker, every = MARKERS[number % len(MARKERS)], -(-len(spread) // _MARKED)
    (line,) = axes.plot(x, spread["mean"], style, color=colour, lw=1.6, label=label)
    line.set(marker=marker, markersize=4, markevery=max(1, every))


def dress(axes: Axes, x_label: str, y_label: str) -> None:
    """Label the axes, start them at zero, and remove what is not data."""
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    right, top = (end if 1e-100 < end < math.inf else 1 for end in axes.dataLim.max)
    room = 1.06 * top
    if "(%)" in y_label and top <= 100:
        room = min(room, 100)
    axes.set(xlim=(0, right * 1.04), ylim=(0, room))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if x_label == "round":
        axes.locator_params(axis="x", integer=True)


def log_axis(axes: Axes) -> None:
    """Make the x-axis logarithmic, with few labels, so that they do not collide."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.autoscale(axis="x")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, place: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def add_legend(drawn: Figure, axes: Axes, outside: bool) -> None:
    """Add a legend, ``outside`` the axes if it would hide the curves."""
    if outside:
        drawn.legend(loc="outside right upper", frameon=False, fontsize=8)
    else:
        axes.legend(frameon=False, fontsize=9)


def rendered(drawn: Figure, form: str = "png", dpi: int = 200) -> bytes:
    """Return a figure as the content of a png, svg or pdf file."""
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=form, dpi=dpi)
    return buffer.getvalue()


def drawn_apart(
    curves: DataFrame, y_label: str, title: str
) -> Iterator[tuple[str, bytes]]:
    """Draw each column in a separate figure, all with the same axes.

    The axes are drawn once, and each line over a copy of them: redrawing them for each
    line would take ten times as long.

    Parameters
    ----------
    curves
        Indexed by round; nan is skipped.
    y_label
    title
        Of all figures; ``{}`` stands for the column's name.

    Yields
    ------
    (str, bytes)
        A column's name, and the content of its png file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    drawn = figure(6, 4)
    drawn.set_dpi(100)
    axes = drawn.add_subplot()
    reach = ([0, curves.index.max()], [0, curves.max().max()])
    (line,) = axes.plot(*reach, color=COLOURS[0], marker="o", ms=3, lw=1.6)
    dress(axes, "round", y_label)
    heading = axes.set_title(title, loc="left", y=1, fontsize=9, color="0.3")
    line.set_data([], [])
    canvas: Any = FigureCanvasAgg(drawn)  # its methods have no types
    canvas.draw()  # makes room for the heading
    drawn.set_layout_engine("none")
    heading.set_visible(False)
    canvas.draw()
    heading.set_visible(True)
    background = canvas.copy_from_bbox(drawn.bbox)
    for name in curves:
        curve = curves[name].dropna()
        canvas.restore_region(background)
        line.set_data(curve.index, curve)
        heading.set_text(title.replace("{}", str(name)))
        drawn.draw_artist(line)
        drawn.draw_artist(heading)
        buffer = io.BytesIO()
        # these are many and small: compressing them well takes longer than drawing them
        fast = {"compress_level": 1}
        pixels = np.asarray(canvas.buffer_rgba())
        imsave(buffer, pixels, format="png", pil_kwargs=fast)
        yield str(name), buffer.getvalue()
