"""CHOCO-SGD with top-k compression."""

from typing import Any, ClassVar

from decentralizepy.config.order import in_order
from decentralizepy.message import Message
from decentralizepy.sharing.checks import Fraction, array
from decentralizepy.sharing.difference import DifferenceSharing, Floats
from decentralizepy.sharing.sparse import count, largest, spread


class Choco(DifferenceSharing):
    """Send the entries in which the model differs most from its public copy.

    The algorithm is that of
    :class:`~decentralizepy.sharing.difference.DifferenceSharing`, with top-k compression:
    k = max(1, round(alpha N)) values and their indices (int32) are sent. Other options as
    for :class:`~decentralizepy.sharing.Sharing.Sharing`; lossy codecs are safe, since a
    node updates its own copy with the values that its neighbors decode.

    Parameters
    ----------
    *parts
        The eight of :class:`~decentralizepy.sharing.Sharing.Sharing`.
    step_size : float
        Step size towards the neighbors' copies, in (0, 1].
    alpha : float
        Share of entries to send, in (0, 1].
    """

    replaced: ClassVar = {"_compress": "encode and decode"}
    callers: ClassVar = ("_pre_step", "serialized_model")

    @in_order(
        8,
        "step_size alpha "
        "compress compression_package compression_class float_precision",
    )
    def __init__(self, *parts: Any, alpha: Fraction, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.k = count(alpha, self.flat.size)

    def encode(self, difference: Floats) -> Message:
        indices = largest(difference, self.k)
        message = {"params": difference[indices], "indices": indices}
        return {**self.compress_data(message), "send_partial": True}

    def decode(self, m: Message) -> Floats:
        data = self.decompress_data(m)
        return spread(array(data, "indices"), array(data, "params"), self.flat.size)
