"""``decentralizepy audit``: what observers of finished runs learn of their neighbors."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decentralizepy.commands.parsers import Parser
from decentralizepy.errors import DecentralizepyError
from decentralizepy.files import write_atomic

if TYPE_CHECKING:
    from decentralizepy.audit.measure import Audit

SHOWN = {
    "mia_auc": "MIA\nAUC",
    "mia_tpr": "TPR at\n0.1 % FPR",
    "lira_auc": "LiRA\nAUC",
    "lira_tpr": "TPR at\n0.1 % FPR",
    "link_accuracy": "linked",
    "link_chance": "by\nchance",
    "psnr": "PSNR",
    "psnr_chance": "by\nchance",
    "ssim": "SSIM",
    "ssim_chance": "by\nchance",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Attack runs, print a table and draw it, as ``decentralizepy audit RUN ...``.

    Returns
    -------
    int
        The exit status: 0, or 2 after one line on standard error.
    """
    sys.path.append(str(Path.cwd()))  # for user-defined classes, given by import path
    try:
        args = parser().parse_args(argv)
        run(args)
    except (DecentralizepyError, OSError) as error:
        print(f"audit: {error}", file=sys.stderr)
        return 2
    return 0


def parser() -> Parser:
    """Return the parser of this command."""
    parser = Parser(
        "audit",
        "Attack finished runs with what the nodes of section OBSERVER received: membership "
        "inference, linkability and gradient inversion.",
        "audit runs/jwins",
        "audit runs/sweep --shadows 0 -o figures/audit.pdf",
    )
    add = parser.add_argument
    add("runs", metavar="RUN", type=Path, nargs="+", help="a log folder, or a sweep")
    help = "the figure; the numbers are written beside it, as CSV (default: audit.png)"
    add("-o", "--output", metavar="FILE", type=Path, default="audit.png", help=help)
    help = "samples of a node to attack, and to link models by (default: 500)"
    add("--samples", type=int, default=500, help=help)
    help = "shadow models of a sender; 0 for no likelihood ratio (default: 16)"
    add("--shadows", type=int, default=16, help=help)
    help = "rounds to attack, evenly spaced (default: 10)"
    add("--rounds", type=int, default=10, help=help)
    help = "senders whose images are reconstructed, of the first recorded round (default: 0)"
    add("--invert", metavar="SENDERS", type=int, default=0, help=help)
    return parser


def run(args: Any) -> None:
    """Audit all runs, and write what was found.

    Raises
    ------
    DecentralizepyError
        As :func:`decentralizepy.audit.measure.numbers` does.
    """
    from decentralizepy.audit import figure, measure
    from decentralizepy.results.methods import find_runs

    settings = measure.Settings(args.samples, args.shadows, args.rounds, args.invert)
    found = find_runs(args.runs)
    audits = []
    for number, each in enumerate(found, 1):
        print(f"{each.run.name} ({number} of {len(found)})", file=sys.stderr)
        audits.append(measure.audit(measure.places(each), settings))
    table = measure.frame(found, audits)
    by_method: dict[str, list[Audit]] = {}
    for each, one in zip(found, audits, strict=True):
        by_method.setdefault(each.name, []).append(one)
    form = args.output.suffix[1:] or "png"
    write_atomic(args.output, figure.draw(table, by_method, form))
    numbers = args.output.with_suffix(".csv")
    write_atomic(numbers, table.to_csv(index=False))
    written = [args.output, numbers]
    inverted = [one for each in audits for one in each.inverted]
    if inverted:
        pictures = args.output.with_stem(f"{args.output.stem}_inverted")
        write_atomic(pictures, figure.draw_inverted(inverted, form))
        written.append(pictures)
    print("\n".join(lines(measure.over_seeds(table).to_dict("records"))))
    for remark in remarks(audits):
        print(f"note: {remark}")
    print(f"{', '.join(map(str, written))} written")


def lines(rows: Sequence[Mapping[Any, Any]]) -> Iterator[str]:
    """Yield a table of means over seeds with half their 95 % intervals."""
    from tabulate import tabulate

    measured = [name for name in SHOWN if any(name in row for row in rows)]
    cells = [
        [row["method"], row["seeds"], *(_cell(row, name) for name in measured)]
        for row in rows
    ]
    titles = ["", "seeds", *(SHOWN[name] for name in measured)]
    yield tabulate(cells, titles, tablefmt="simple", disable_numparse=True)


def _cell(row: Mapping[Any, Any], name: str) -> str:
    value, half = row.get(name, math.nan), row.get(f"{name}_half", math.nan)
    if math.isnan(value):
        return ""
    digits = 1 if name.startswith("psnr") else 3
    return f"{value:.{digits}f}" + ("" if math.isnan(half) else f" ± {half:.{digits}f}")


def remarks(audits: Sequence[Audit]) -> Iterator[str]:
    """Yield what a reader of the numbers has to know."""
    from decentralizepy.audit.membership import curve

    last = [each.losses[max(each.losses)] for each in audits]
    few = [found.others for found in map(curve, last) if not found.is_resolved]
    if few:
        yield (
            f"{min(few)} samples are no members, fewer than 1,000: TPR at 0.1 % FPR is "
            "that without any false positive"
        )
