"""Topologies: the more neighbors, and the more they change, the faster nodes learn."""

from decentralizepy.reproduce.study import Claim, Study

STUDY = Study(
    paper="Dhasade et al., Decentralized Learning Made Easy, EuroMLSys 2023",
    about="fully connected >= a random graph per round >= a fixed one >= ring",
    minutes=1,
    methods={
        "fully-connected": ["GRAPH.graph_class=FullyConnected"],
        "dynamic-7": ["GRAPH.graph_class=DynamicRegular", "GRAPH.degree=7"],
        "regular-7": ["GRAPH.graph_class=Regular", "GRAPH.degree=7"],
        "one-peer-exponential": ["GRAPH.graph_class=OnePeerExponential"],
        "base-graph": ["GRAPH.graph_class=BaseGraph"],
        "ring": ["GRAPH.graph_class=Ring"],
    },
    claims=(
        Claim("fully-connected", "dynamic-7", low=-1),
        Claim("dynamic-7", "regular-7", low=-1),
        Claim("regular-7", "ring"),
        Claim("fully-connected", "dynamic-7", at=20),
        Claim("dynamic-7", "regular-7", at=20),
        # at half of the bytes
        Claim("one-peer-exponential", "ring"),
        Claim("base-graph", "ring"),
    ),
)
