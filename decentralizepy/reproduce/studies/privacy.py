"""What a neighbor learns: two attacks, and noise that cancels in the mean."""

from decentralizepy.reproduce.study import Claim, Study

_ZIP = "SHARING.sharing_class=ZipDL"

STUDY = Study(
    paper="Biswas et al., Zip-DL, PoPETs 2025, arXiv:2403.11795",
    about="zero-sum noise hinders the linking of models, and costs little accuracy",
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
    },
    claims=(
        Claim("D-PSGD", measure="membership"),
        Claim("D-PSGD", "Zip-DL-0.1", measure="membership"),
        Claim("D-PSGD", "Zip-DL-0.3", measure="membership"),
        Claim("D-PSGD", "Zip-DL-0.1", measure="linked"),
        Claim("D-PSGD", "Zip-DL-0.3", measure="linked"),
        Claim("Zip-DL-0.1", "D-PSGD", low=-2),
        Claim("Zip-DL-0.3", "D-PSGD", low=-2),
    ),
    rounds=50,
)
