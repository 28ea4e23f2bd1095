"""Agreement of all nodes on the round from which a run on several machines resumes."""

from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.node._counters import uncounted
from decentralizepy.node.checkpoint import max_round_lag

FAREWELL_MS = 2_000  # for the last exchange to reach all peers

Rounds = dict[int, list[int]]  # by machine: rounds with checkpoints of all its nodes


def agree(node: Any, rounds: list[int]) -> int:
    """Return the newest round of which all machines have checkpoints.

    Nodes exchange what they know about each machine's rounds with their peers, until it
    has spread through the whole network.

    Parameters
    ----------
    node
        Must have passed the start barrier.
    rounds
        The rounds available on the node's own machine.

    Raises
    ------
    ConfigError
        If no round is available on all machines; lists the rounds of each.
    """
    with uncounted(node.communication):
        known = _spread(node, {node.machine_id: sorted(rounds)})
    common = set.intersection(*(set(each) for each in known.values()))
    if not common:
        node.communication.terminate(FAREWELL_MS)  # so that peers hear of it, too
        told = "; ".join(
            f"machine {machine} has {', '.join(map(str, known[machine])) or 'none'}"
            for machine in sorted(known)
        )
        raise ConfigError(
            f"there is no round for which all machines have checkpoints: {told}"
        )
    return max(common)


def _spread(node: Any, known: Rounds) -> Rounds:
    """Return the rounds of all machines, after one exchange per hop between nodes."""
    heard: dict[tuple[int, int], Rounds] = {}  # by uid and exchange
    for number in range(max(2, max_round_lag(node.graph))):  # 2: by way of a service
        message = {"CHANNEL": "ROUNDS", "ROUNDS": known, "EXCHANGE": number}
        for uid in sorted(node.barrier):
            node.communication.send(uid, message)

        def missing(number: int = number) -> set[int]:
            return {uid for uid in node.barrier if (uid, number) not in heard}

        while missing():
            uid, answer = node.wait_for(
                "ROUNDS", missing=missing, timeout=node.start_timeout
            )
            heard[uid, answer["EXCHANGE"]] = answer["ROUNDS"]
        for uid in node.barrier:
            known = {**known, **heard.pop((uid, number))}
    return known
