"""A table of all measurements as a Parquet file, written at the end of the run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow  # noqa: F401  (pandas needs it: say so before the run)

from decentralizepy.files import write_atomic
from decentralizepy.tracking.Callback import Callback, Rows


class Parquet(Callback):
    """Write a row for each node and round, with a column for each metric.

    Parameters
    ----------
    log_dir : Path
    file : str, default "metrics.parquet"
        In the log folder, unless it is absolute.
    """

    def __init__(self, log_dir: Path, file: str = "metrics.parquet") -> None:
        super().__init__(log_dir)
        self.path = log_dir / file
        self.rows: list[dict[str, Any]] = []

    def on_round_end(self, number: int, rows: Rows) -> None:
        self.rows += [{"round": number, "node": uid, **rows[uid]} for uid in rows]

    def on_run_end(self, outcome: str, final: Mapping[str, float]) -> None:
        write_atomic(self.path, pd.DataFrame(self.rows).to_parquet(index=False))
