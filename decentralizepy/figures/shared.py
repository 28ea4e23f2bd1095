"""Figure of how often a node sent each entry of its model."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from decentralizepy.errors import DataError
from decentralizepy.figures.entries import draw_entries, entries, mark_tensors
from decentralizepy.figures.inputs import check_folder, numbered, read_json, vector
from decentralizepy.figures.script import Files, run
from decentralizepy.figures.style import Array, dress, figure, rendered

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIX = "_shared_params.json"
_EXPECTED = 'expected {"order": [...], "shapes": {...}, "<round>": [indices]}'


@dataclass(frozen=True)
class Sent:
    """The entries that a node sent.

    Attributes
    ----------
    counts : array of shape (entries,)
        Number of rounds in which each entry was sent.
    rounds : int
        Number of rounds that have a file.
    shapes : mapping from str to list of int
        Shapes of the model's tensors, in order.
    """

    counts: Array
    rounds: int
    shapes: Mapping[str, Sequence[int]]

    def __str__(self) -> str:
        """Return the totals."""
        total, size = int(self.counts.sum()), len(self.counts)
        never = np.count_nonzero(self.counts == 0)
        share = 100 * total / (size * self.rounds)
        return (
            f"{size:,} entries in {self.rounds} rounds: {total:,} sent, {share:.3g}% a "
            f"round; {never:,} entries never, one {self.counts.max():.0f} times at most"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Draw which entries a node sent, as ``plot_shared.py FOLDER``.

    Writes ``FOLDER/plots/shared_plot.png`` and prints totals.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    parser = ArgumentParser(
        prog="plot_shared",
        description="Draw how often a node has sent each entry (save_shared = true).",
    )
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        help=f"of one rank: LOGDIR/shared_params/<rank>, with files <round>{SUFFIX}",
    )
    return run(parser, _draw, argv)


def read_sent(folder: Path) -> Sent:
    """Read the files of one rank.

    The entries are those of the model, or, if a sharing class uses a different basis, as
    many as in ``<rank>_shared_parameters.json`` in the log folder.

    Raises
    ------
    DataError
        If there are no files, or one is invalid.
    """
    check_folder(folder)
    files = numbered(folder, SUFFIX)
    if not files:
        raise DataError(
            f"{folder}: no <round>{SUFFIX} here; expected LOGDIR/shared_params/<rank> "
            "of a run with save_shared = true in [SHARING]"
        )
    contents = [_read(path) for path in files.values()]
    shapes = contents[0][0]
    indices = np.concatenate([each for _, each in contents])
    counts = np.bincount(indices, minlength=_size(folder, shapes))
    return Sent(counts.astype(np.float64), len(files), shapes)


def draw(sent: Sent) -> Figure:
    """Draw in how many rounds each entry was sent."""
    drawn = figure(9, 3.6)
    axes = drawn.add_subplot()
    draw_entries(axes, sent.counts)
    dress(axes, "entry", f"times sent in {sent.rounds} rounds")
    top = 1.12 * max(1, sent.counts.max())  # space for names
    axes.set(xlim=(-0.5, len(sent.counts) - 0.5), ylim=(0, top))
    axes.grid(visible=False, axis="x")  # tensors are marked there instead
    if len(sent.counts) == entries(sent.shapes):
        mark_tensors(axes, sent.shapes)
    return drawn


def _draw(args: Namespace) -> Files:
    sent = read_sent(args.folder)
    print(sent)
    return {args.folder / "plots/shared_plot.png": rendered(draw(sent))}


def _size(folder: Path, shapes: Mapping[str, Sequence[int]]) -> int:
    home = folder.resolve()
    counter = home.parent.parent / f"{home.name}_shared_parameters.json"
    if counter.is_file():
        return len(vector(counter, read_json(counter), "a list of counts"))
    return entries(shapes)


def _read(path: Path) -> tuple[dict[str, Any], Any]:
    """Return the shapes, and the indices sent in the round of this file."""
    content = read_json(path)
    try:
        shapes = {name: list(content["shapes"][name]) for name in content["order"]}
        (key,) = (key for key in content if key.isdigit())
        indices = np.array(content[key], dtype=np.int64)
        if indices.ndim == 1 and (indices >= 0).all() and entries(shapes) > 0:
            return shapes, indices
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        pass
    raise DataError(f"{path}: {_EXPECTED}")
