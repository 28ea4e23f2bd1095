"""Unused ports."""

import contextlib
import random
import socket

LOWEST, HIGHEST = 10_000, 32_000  # Linux gives connections those from 32,768 on
DRAW = random.SystemRandom()  # seeded by no test: workers must not draw the same


def free_offset(ports):
    """Return an offset that is a free port, as are the next ``ports`` ones."""
    while True:
        offset = DRAW.randrange(LOWEST, HIGHEST - ports)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(offset, offset + ports + 1):
                probe = stack.enter_context(socket.socket())
                probe.bind(("127.0.0.1", port))
            return offset
