"""What a neighbor learns: membership inference against noise that cancels in the mean."""

from decentralizepy.reproduce.study import Claim, Study

_ZIP = "SHARING.sharing_class=ZipDL"

STUDY = Study(
    paper="Biswas et al., Zip-DL, PoPETs 2025, arXiv:2403.11795",
    about="zero-sum noise lowers membership inference, and costs little accuracy",
    minutes=2,
    settings=[
        "GRAPH.graph_class=Regular",
        "GRAPH.degree=6",
        "OBSERVER.nodes=[0, 8]",
        "OBSERVER.every=5",
    ],
    methods={
        "D-PSGD": [],
        "Zip-DL-0.03": [_ZIP, "SHARING.noise_std=0.03"],
        "Zip-DL-0.1": [_ZIP, "SHARING.noise_std=0.1"],
    },
    claims=(
        Claim("D-PSGD", low=52, measure="leak"),
        Claim("D-PSGD", "Zip-DL-0.03", measure="leak"),
        Claim("D-PSGD", "Zip-DL-0.1", measure="leak"),
        Claim("Zip-DL-0.03", "D-PSGD", low=-1, high=1),
        Claim("Zip-DL-0.1", "D-PSGD", low=-1, high=1),
    ),
)
