"""Runs in Weights & Biases: the configuration, and means over nodes by round."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import wandb

from decentralizepy.tracking.Callback import Callback, Rows, means


class WandB(Callback):
    """Log a run of a project, by default offline; ``wandb sync LOGDIR/wandb/*`` uploads it.

    Parameters
    ----------
    log_dir : Path
    project : str, default "decentralizepy"
    mode : {"offline", "online"}, default "offline"
    """

    def __init__(
        self,
        log_dir: Path,
        project: str = "decentralizepy",
        mode: Literal["offline", "online"] = "offline",
    ) -> None:
        super().__init__(log_dir)
        self.project, self.mode = project, mode

    def on_run_start(self, run: Mapping[str, Any]) -> None:
        self.run = wandb.init(
            project=self.project,
            mode=self.mode,
            dir=str(self.log_dir),
            name=self.log_dir.name,
            config=run["configuration"],
        )

    def on_round_end(self, number: int, rows: Rows) -> None:
        self.run.log(means(rows), step=number)

    def on_run_end(self, outcome: str, final: Mapping[str, float]) -> None:
        self.run.summary.update({"outcome": outcome, **final})
        self.run.finish(exit_code=0 if outcome == "done" else 1)
