"""Runs in MLflow: the configuration, and means over nodes by round."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mlflow

from decentralizepy.tracking.Callback import Callback, Rows, means


class MLflow(Callback):
    """Log a run of an MLflow experiment.

    Parameters
    ----------
    log_dir : Path
    experiment : str, default "decentralizepy"
    uri : str, optional
        Where runs are kept, such as ``http://host:5000``; as MLflow's environment variables
        say by default.
    """

    def __init__(
        self, log_dir: Path, experiment: str = "decentralizepy", uri: str | None = None
    ) -> None:
        super().__init__(log_dir)
        self.experiment, self.uri, self.last = experiment, uri, 0

    def on_run_start(self, run: Mapping[str, Any]) -> None:
        if self.uri:
            mlflow.set_tracking_uri(self.uri)
        mlflow.set_experiment(self.experiment)
        mlflow.start_run(run_name=self.log_dir.name)
        for section, options in run["configuration"].items():
            mlflow.log_params({f"{section}.{k}": v for k, v in options.items()})

    def on_round_end(self, number: int, rows: Rows) -> None:
        self.last = number
        mlflow.log_metrics(means(rows), step=number)

    def on_run_end(self, outcome: str, final: Mapping[str, float]) -> None:
        mlflow.log_metrics(dict(final), step=self.last)
        mlflow.end_run("FINISHED" if outcome == "done" else "FAILED")
