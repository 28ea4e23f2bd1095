"""What a neighbor learns: two attacks, against noise and against models in pieces."""

from decentralizepy.reproduce.study import Claim, Study

_ZIP = "SHARING.sharing_class=ZipDL"
_HIDING = ("Zip-DL-0.1", "Zip-DL-0.3", "Shatter")
_LEAKS = [Claim("D-PSGD", measure="membership")]
_HIDDEN = [
    Claim("D-PSGD", other, measure=measure)
    for measure in ("membership", "linked")
    for other in _HIDING
]
_COSTS = [Claim(other, "D-PSGD", low=-2) for other in _HIDING]

STUDY = Study(
    paper="Biswas et al., Zip-DL, PoPETs 2025, arXiv:2403.11795; Shatter, arXiv:2404.09536",
    about="zero-sum noise, or sending pieces, hides whose model it is at little cost",
    minutes=1,
    # so many steps that models fit their own data better than others
    settings=[
        "OPTIMIZER_PARAMS.lr=0.2",
        "TRAIN_PARAMS.rounds=10",
        "GRAPH.graph_class=Regular",
        "GRAPH.degree=6",
        "OBSERVER.nodes=[0, 8]",
        "OBSERVER.every=5",
    ],
    methods={
        "D-PSGD": [],
        "Zip-DL-0.1": [_ZIP, "SHARING.noise_std=0.1"],
        "Zip-DL-0.3": [_ZIP, "SHARING.noise_std=0.3"],
        "Shatter": ["SHARING.sharing_class=Shatter", "SHARING.vnodes_per_node=4"],
    },
    claims=_LEAKS + _HIDDEN + _COSTS,
    rounds=50,
)
