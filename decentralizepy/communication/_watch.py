"""What becomes of the connection to one peer."""

import zmq
from zmq.utils.monitor import recv_monitor_message

LOST_AFTER = 5  # attempts in a row that find nobody, about a second if they are refused
_EVENTS = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CLOSED
)


class Watch:
    """Follow a socket that connects to one peer.

    A process that hangs is still connected to, by its kernel; one that has ended, or a
    machine that is gone, is not.

    Attributes
    ----------
    lost : bool
        Whether there was a connection and nobody answers at the address any more.
    """

    def __init__(self, socket: "zmq.Socket[bytes]") -> None:
        self._socket = socket
        self._monitor = socket.get_monitor_socket(_EVENTS)
        self._connections = self._failures = 0
        self._connected = False

    @property
    def lost(self) -> bool:
        return self._connections > 0 and self._failures >= LOST_AFTER

    def look(self) -> bool:
        """Take note of what happened; tell whether a connection replaced an old one."""
        renewed = False
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._connections += 1
                renewed = self._connections > 1
            if event == zmq.EVENT_CLOSED:
                self._failures += not self._connected
            else:
                self._failures = 0
                self._connected = event != zmq.EVENT_DISCONNECTED
        return renewed

    def close(self) -> None:
        """Stop following."""
        self._socket.disable_monitor()
        self._monitor.close(0)
