"""Alias of the TCP transport, for old INI files."""

from decentralizepy.communication.TCP import BYE, HELLO, TCP as _TCP

__all__ = ["BYE", "HELLO", "TCP"]


class TCP(_TCP):
    """Same as :class:`decentralizepy.communication.TCP.TCP`, with the same options.

    In DecentralizePy, this was a separate transport that acknowledged messages and resent
    lost ones. Here, every ZeroMQ transport does so, and each message arrives exactly
    once; see :class:`~decentralizepy.communication._zeromq.ZeroMQ`.
    """
