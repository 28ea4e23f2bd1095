"""The base class of algorithms among peers, which a parameter server cannot run."""

from collections.abc import Mapping

from decentralizepy.errors import ConfigError
from decentralizepy.sharing.Sharing import Queue, Sharing


class Serverless(Sharing):
    """Refuse to average on a parameter server.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    **codec
        compress, compression_package, compression_class, float_precision.
    """

    def _averaging_server(self, peer_deques: Mapping[int, Queue]) -> None:
        raise ConfigError(
            "has no server; a parameter server takes Sharing or STC",
            section="SHARING",
            key="sharing_class",
            value=type(self).__name__,
        )
