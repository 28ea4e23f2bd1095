"""The two sides of a bipartite graph."""

from decentralizepy.graphs.Graph import Graph


def sides(graph: Graph) -> list[int]:
    """Return 0 or 1 for each node: whether it is an even number of steps away.

    From the lowest uid of its component, in an undirected graph.
    """
    found: dict[int, int] = {}
    for start in range(graph.n_procs):
        if start in found:
            continue
        found[start], reached = 0, [start]
        for uid in reached:  # grows during iteration
            new = graph.neighbors(uid) - found.keys()
            found |= dict.fromkeys(new, 1 - found[uid])
            reached += sorted(new)
    return [found[uid] for uid in range(graph.n_procs)]


def odd_pair(graph: Graph) -> tuple[int, int] | None:
    """Return two neighbors on the same side; None if the graph is bipartite."""
    side = sides(graph)
    pairs = ((u, v) for u in range(graph.n_procs) for v in sorted(graph.neighbors(u)))
    return next((pair for pair in pairs if side[pair[0]] == side[pair[1]]), None)
