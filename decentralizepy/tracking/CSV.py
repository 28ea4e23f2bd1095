"""A table of all measurements as text, which grows during the run."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from decentralizepy.tracking.Callback import Callback, Rows


class CSV(Callback):
    """Write a line for each value to a file with the columns round, node, metric, value.

    ``node`` is the uid. Metrics over all final models come last, with ``all`` as the node.

    Parameters
    ----------
    log_dir : Path
    file : str, default "metrics.csv"
        In the log folder, unless it is absolute.
    """

    def __init__(self, log_dir: Path, file: str = "metrics.csv") -> None:
        super().__init__(log_dir)
        self.path = log_dir / file

    def on_run_start(self, run: Mapping[str, Any]) -> None:
        self.file: TextIO = self.path.open("w", newline="", buffering=1)
        self.lines = csv.writer(self.file)
        self.lines.writerow(["round", "node", "metric", "value"])
        self.last = 0

    def on_round_end(self, number: int, rows: Rows) -> None:
        self.last = number
        for uid, row in rows.items():
            self.lines.writerows([number, uid, name, row[name]] for name in row)

    def on_run_end(self, outcome: str, final: Mapping[str, float]) -> None:
        self.lines.writerows([self.last, "all", name, final[name]] for name in final)
        self.file.close()
