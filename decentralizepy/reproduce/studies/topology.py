"""Denser and changing graphs: who sends to whom decides how fast nodes learn."""

from decentralizepy.reproduce.study import Claim, Study

STUDY = Study(
    paper="Dhasade et al., Decentralized Learning Made Easy, EuroMLSys 2023",
    about="fully connected >= a random graph per round >= a fixed one >= ring",
    minutes=3,
    methods={
        "fully-connected": ["GRAPH.graph_class=FullyConnected"],
        "EL-Local-7": [
            "GRAPH.graph_class=FullyConnected",
            "NODE.node_class=EL_Local",
            "NODE.graph_degree=7",
            "SHARING.sharing_class=PlainAverageSharing",
        ],
        "regular-7": ["GRAPH.graph_class=Regular", "GRAPH.degree=7"],
        "one-peer-exponential": ["GRAPH.graph_class=OnePeerExponential"],
        "base-graph": ["GRAPH.graph_class=BaseGraph"],
        "ring": ["GRAPH.graph_class=Ring"],
    },
    claims=(
        Claim(
            "fully connected is not worse than EL-Local by more than 1 point",
            "fully-connected",
            "EL-Local-7",
            low=-1,
        ),
        Claim(
            "EL-Local is not worse than a fixed regular graph by more than 1 point",
            "EL-Local-7",
            "regular-7",
            low=-1,
        ),
        Claim("a regular graph is better than a ring", "regular-7", "ring"),
        Claim(
            "fully connected is better than EL-Local in round 20",
            "fully-connected",
            "EL-Local-7",
            at=20,
        ),
        Claim(
            "EL-Local is better than a fixed regular graph in round 20",
            "EL-Local-7",
            "regular-7",
            at=20,
        ),
        Claim(
            "one peer per round, exponential, is better than a ring with two",
            "one-peer-exponential",
            "ring",
        ),
        Claim("a base graph is better than a ring", "base-graph", "ring"),
    ),
)
