"""When transfers over emulated links end."""

import math

from decentralizepy.network.flows import Transfer


def ends(links, *transfers):
    """Return when each of (time, source, target, size) ends."""
    found = {}
    waiting = sorted(enumerate(transfers), key=lambda each: each[1][0])
    while waiting or links.next_time < math.inf:
        if waiting and waiting[0][1][0] <= links.next_time:
            key, (time, *transfer) = waiting.pop(0)
            links.start(time, Transfer(key, *transfer))
        else:
            found |= links.step()
    return [found[key] for key in range(len(transfers))]
