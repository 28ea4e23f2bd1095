"""Ports that nobody uses."""

import contextlib
import socket


def free_offset(ports):
    """Return an offset below which ``ports`` ports are free."""
    with contextlib.ExitStack() as stack:
        probe = stack.enter_context(socket.socket())
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1] - 1, 65_000 - ports)
