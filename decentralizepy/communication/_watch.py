"""Monitoring of the connection to one peer."""

import zmq
from zmq.utils.monitor import parse_monitor_message

from decentralizepy.communication._sockets import received

LOST_AFTER = 5  # failed attempts in a row: about a second if they are refused
_EVENTS = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
)


class Watch:
    """Monitors a socket that connects to one peer.

    A process that hangs stays connected, since its kernel still answers; one that has
    ended, or is on an unreachable machine, does not.

    Parameters
    ----------
    socket : zmq.Socket
        A socket that is not yet connected.
    met : bool, default False
        Whether the peer was there before.
    """

    def __init__(self, socket: "zmq.Socket[bytes]", met: bool = False) -> None:
        self.met = met
        self._socket = socket
        self._monitor = socket.get_monitor_socket(_EVENTS)
        self._connected = self._broken = False
        self._failures = 0

    @property
    def lost(self) -> bool:
        """Whether the peer was there and no longer answers at its address."""
        return self.met and self._failures >= LOST_AFTER

    def hear(self) -> None:
        """Register that the peer has sent something, so it was listening, too."""
        if not self.met:
            self._update()  # failures from before it was there do not count
            self.met, self._failures = True, 0

    def look(self) -> bool:
        """Process all events so far; return whether a connection has broken."""
        self._update()
        broken, self._broken = self._broken, False
        return broken

    def _update(self) -> None:
        while parts := received(self._monitor):
            event = parse_monitor_message([part.bytes for part in parts])["event"]
            if event == zmq.EVENT_CLOSED:  # a failed attempt
                self._failures += not self._connected
                continue
            self._failures = 0
            self._connected = event != zmq.EVENT_DISCONNECTED
            self.met |= event == zmq.EVENT_HANDSHAKE_SUCCEEDED
            self._broken |= self.met and not self._connected

    def close(self) -> None:
        """Stop monitoring."""
        self._socket.disable_monitor()
        self._monitor.close(0)
