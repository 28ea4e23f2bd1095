"""Epidemic Learning: random receivers in each round, drawn by nodes or by an oracle."""

from decentralizepy.reproduce.study import Claim, Study

_AMONG_ALL = ["GRAPH.graph_class=FullyConnected", "NODE.graph_degree=4"]
_PLAIN = "SHARING.sharing_class=PlainAverageSharing"

STUDY = Study(
    paper="de Vos et al., Epidemic Learning, NeurIPS 2023, arXiv:2310.01972",
    about="EL-Oracle = EL-Local; both reach the accuracy of a fixed graph in fewer rounds",
    minutes=1,
    settings=[_PLAIN],
    # the paper has about log2 of the number of nodes as degree, too
    methods={
        "EL-Local": [*_AMONG_ALL, "NODE.node_class=EL_Local"],
        "EL-Oracle": [
            *_AMONG_ALL,
            "NODE.node_class=EL_Oracle_Client",
            "NODE.server_class=EL_Oracle_TopologyBuilder",
        ],
        "static": ["GRAPH.graph_class=Regular", "GRAPH.degree=4"],
    },
    claims=(
        Claim("EL-Oracle", "EL-Local", low=-1, high=1),
        Claim("EL-Local", "static"),
        Claim("EL-Oracle", "static"),
        Claim("EL-Local", "static", measure="sooner"),
        Claim("EL-Oracle", "static", measure="sooner"),
    ),
    rounds=60,
    test_after=4,
)
