"""The weights that receivers give to a message, as its sender foresees them."""

from decentralizepy.sharing.Sharing import Sharing


def weight_at(
    sharing: Sharing, link: tuple[int, int], degree: int, peers: int | None = None
) -> float:
    """Return the weight that a node gives to a neighbor's message in this round.

    Parameters
    ----------
    sharing : Sharing
        Of any node.
    link : (int, int)
        The sender and the receiver.
    degree : int
        What the message says.
    peers : int, optional
        How many messages the receiver averages; by default one of each neighbor.
    """
    sender, receiver = link
    graph = sharing.graph.at(sharing.communication_round)
    own: float | None = graph.weight(receiver, sender)
    if own is not None:
        return own
    count = len(graph.in_neighbors(receiver)) if peers is None else peers
    return sharing.weight(count, {"degree": degree})
