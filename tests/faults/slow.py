"""Points of which one node takes its time, or stops for a while; an INI file can name them."""

import os
import signal
import time
from pathlib import Path

from tests.toy import Linear, Points

__all__ = ["Linear", "Slow"]


class Slow(Points):
    """Points whose node ``who`` sleeps ``seconds`` in each round.

    In round ``stop_in`` it stops its process until somebody continues it.
    """

    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        who: int = 2,
        seconds: float = 0.0,
        stop_in: int = 0,
        **options,
    ):
        super().__init__(rank, machine_id, mapping, **options)
        self.who, self.seconds, self.stop_in = who, seconds, stop_in
        self.passes = 0

    def get_trainset(self, batch_size=1, shuffle=False):
        if self.uid == self.who and shuffle:
            self.passes += 1
            time.sleep(self.seconds)
            if self.passes == self.stop_in:
                Path(os.environ["STOPPED"]).write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGSTOP)
        return super().get_trainset(batch_size, shuffle)
