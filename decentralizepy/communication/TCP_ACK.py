"""Alias of the TCP transport, for old INI files."""

from decentralizepy.communication.TCP import BYE, HELLO, TCP as _TCP

__all__ = ["BYE", "HELLO", "TCP"]


class TCP(_TCP):
    """The same as :class:`decentralizepy.communication.TCP.TCP`, options and all.

    In DecentralizePy this was a transport of its own that acknowledged messages and sent
    lost ones again. Here every ZeroMQ transport does so, and each message arrives exactly
    once; see :class:`~decentralizepy.communication._zeromq.ZeroMQ`.
    """
