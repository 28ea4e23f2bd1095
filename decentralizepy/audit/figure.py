"""The figures of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from decentralizepy.audit import membership
from decentralizepy.audit.inversion import Inverted
from decentralizepy.audit.measure import Audit
from decentralizepy.audit.membership import RATE
from decentralizepy.figures.style import COLOURS, MARKERS, dress, figure, rendered
from decentralizepy.results.methods import half_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame


def draw(
    table: DataFrame, audits: Mapping[str, Sequence[Audit]], form: str = "png"
) -> bytes:
    """Return a figure of the ROC in the last round, and of AUC and links by round.

    Parameters
    ----------
    table
        Of :func:`decentralizepy.audit.measure.numbers`.
    audits
        Of each method, one for each seed.
    form
        png, pdf or svg.
    """
    drawn = figure(11, 3.9)
    roc, auc, links = drawn.subplots(1, 3)
    for number, (method, found) in enumerate(audits.items()):
        colour, rows = COLOURS[number % len(COLOURS)], table[table["method"] == method]
        _roc(roc, found, colour)
        look = {"color": colour, "marker": MARKERS[number % len(MARKERS)]}
        _by_round(auc, rows, "mia_auc", method, look)
        _by_round(links, rows, "link_accuracy", method, look)
    _dress_roc(roc, audits)
    auc.axhline(0.5, color="0.5", ls=":", lw=1)
    dress(auc, "round", "AUC of the loss threshold")
    auc.set_title("dotted: by chance", loc="left", fontsize=8, color="0.4")
    auc.set_ylim(0.45, 1.01)
    if "link_chance" in table:
        links.axhline(table["link_chance"].mean(), color="0.5", ls=":", lw=1)
    dress(links, "round", "models linked to their sender")
    links.set_ylim(0, 1.03)
    handles, labels = auc.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    return rendered(drawn, form)


def _roc(axes: Axes, audits: Sequence[Audit], colour: str) -> None:
    for kind, style in (("losses", "-"), ("ratios", "--")):
        scores = [
            found[max(found)] for each in audits if (found := getattr(each, kind))
        ]
        if scores:
            curve = membership.curve(membership.joined(scores))
            axes.plot(curve.fpr, curve.tpr, style, color=colour, lw=1.6)


def _dress_roc(axes: Axes, audits: Mapping[str, Sequence[Audit]]) -> None:
    axes.plot([RATE, 1], [RATE, 1], ":", color="0.5", lw=1)
    dress(axes, "false positives", "true positives")
    axes.set(xscale="log", yscale="log", xlim=(RATE, 1), ylim=(RATE, 1))
    last = {
        number for found in audits.values() for each in found for number in each.losses
    }
    told = (
        f"round {max(last, default=0)}; solid: loss threshold, dashed: likelihood ratio"
    )
    axes.set_title(told, loc="left", fontsize=8, color="0.4")


def _by_round(
    axes: Axes, rows: DataFrame, metric: str, label: str, look: dict[str, Any]
) -> None:
    """Draw the mean over seeds, with its 95 % interval if there are several."""
    if metric not in rows:
        return
    by_round = rows.groupby("round")[metric]
    mean, count = by_round.mean(), by_round.count()
    axes.plot(mean.index, mean, lw=1.6, ms=4, label=label, **look)
    if count.min() > 1:
        half = by_round.std(ddof=1) * [half_interval(each) for each in count]
        colour = look["color"]
        axes.fill_between(
            mean.index, mean - half, mean + half, color=colour, alpha=0.2, lw=0
        )


def draw_inverted(inverted: Sequence[Inverted], form: str = "png") -> bytes:
    """Return a figure of reconstructed images above those that are nearest to them."""
    pairs = [
        (each, image, truth)
        for each in inverted
        for image, truth in zip(each.images, each.truth, strict=True)
    ]
    drawn = figure(1.3 * len(pairs) + 1.2, 3)
    axes = drawn.subplots(2, len(pairs), squeeze=False)
    for (above, below), (each, image, truth) in zip(axes.T, pairs, strict=True):
        for place, shown in ((above, image), (below, truth)):
            low, high = float(truth.min()), float(truth.max())
            pixels = ((shown - low) / (high - low or 1)).clamp(0, 1)
            pixels = pixels.permute(1, 2, 0).squeeze(2)
            place.imshow(pixels.numpy(), cmap="gray", vmin=0, vmax=1)
            place.set(xticks=[], yticks=[])
        above.set_title(f"node {each.sender}", fontsize=8)
        below.set_xlabel(f"{each.psnr:.1f} dB", fontsize=8)
    axes[0, 0].set_ylabel("reconstructed", fontsize=8)
    axes[1, 0].set_ylabel("nearest of the node", fontsize=8)
    return rendered(drawn, form)
