"""Curves in TensorBoard: means over nodes, by round."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from decentralizepy.tracking.Callback import Callback, Rows, means


class TensorBoard(Callback):
    """Write the mean of each metric over nodes.

    ``tensorboard --logdir LOGDIR`` shows them.

    Parameters
    ----------
    log_dir : Path
    folder : str, default "tensorboard"
        In the log folder, unless it is absolute.
    """

    def __init__(self, log_dir: Path, folder: str = "tensorboard") -> None:
        super().__init__(log_dir)
        self.folder, self.last = log_dir / folder, 0

    def on_run_start(self, run: Mapping[str, Any]) -> None:
        self.writer = SummaryWriter(str(self.folder))
        self.writer.add_text("command", run["command"])

    def on_round_end(self, number: int, rows: Rows) -> None:
        self.last = number
        for name, value in means(rows).items():
            self.writer.add_scalar(name, value, number)

    def on_evaluation(self, number: int, rows: Rows) -> None:
        for name in ("mean_model_acc", "mean_model_loss"):
            for row in rows.values():
                if row.get(name) is not None:
                    self.writer.add_scalar(name, row[name], number)

    def on_run_end(self, outcome: str, final: Mapping[str, float]) -> None:
        for name, value in final.items():
            self.writer.add_scalar(name, value, self.last)
        self.writer.close()
