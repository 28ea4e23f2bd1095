"""Print a table of a sweep over attacks and defenses: honest nodes, means over seeds.

Intervals are 95 % confidence intervals of the mean over seeds (Student's t).

Usage: python eval/byzantine_table.py SWEEP [METRIC]     METRIC: test_acc by default
"""

import sys
from pathlib import Path

from decentralizepy.results.methods import read_methods


def main():
    folder, metric = [*sys.argv[1:], "test_acc"][:2]
    print("\n".join(lines(Path(folder), metric)))


def lines(folder, metric="test_acc"):
    """Return the lines of the table: a row per defense, a column per attack.

    The points of the sweep are called ``attack,defense``.
    """
    methods, _ = read_methods([folder])
    found = {tuple(each.name.split(",")): cell(each, metric) for each in methods}
    attacks = dict.fromkeys(attack for attack, _ in found)
    defenses = dict.fromkeys(defense for _, defense in found)
    rows = [["", *attacks]] + [
        [defense, *(found.get((attack, defense), "-") for attack in attacks)]
        for defense in defenses
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *map(str.rjust, row[1:], widths[1:]),
            ]
        ).rstrip()
        for row in rows
    ]


def cell(method, metric):
    """Return the value in the last test, with its interval if there are several seeds."""
    if metric not in method.metrics:
        return "-"
    last = method.spread(metric).iloc[-1]
    half = f" ± {last['std']:.1f}" if method.repeated else ""
    return f"{last['mean']:.1f}{half}"


if __name__ == "__main__":
    main()
