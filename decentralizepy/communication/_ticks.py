"""When a transport reads acknowledgements and looks after its connections."""

import time

EVERY_S = 0.05
QUIET_AFTER_S, QUIET_S = 0.25, 0.5


class Ticks:
    """Tells whether periodic work is due: at first, after each poll in vain.

    Once nothing has arrived for a quarter of a second, it is due only every half second.
    With six peers it takes a fifth of a millisecond, so 512 nodes that wait for the last
    one would keep two cores busy.
    """

    def __init__(self) -> None:
        self._last = self._heard = time.monotonic()

    def begin(self) -> float:
        """Note that the work is done now; return the time."""
        self._last = time.monotonic()
        return self._last

    def due(self) -> bool:
        """Return whether the work is due in the midst of other work."""
        return time.monotonic() - self._last > EVERY_S

    def due_after(self, came: bool, waited: bool) -> bool:
        """Return whether the work is due after a poll.

        Parameters
        ----------
        came
            Whether a message came.
        waited
            Whether the poll would have waited for one.
        """
        now = time.monotonic()
        if came or not waited:
            self._heard = now
        if now - self._heard > QUIET_AFTER_S:
            return now - self._last > QUIET_S
        return not came or now - self._last > EVERY_S
