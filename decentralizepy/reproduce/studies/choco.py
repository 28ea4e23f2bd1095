"""JWINS and CHOCO at a tenth and at a fifth of the values."""

from decentralizepy.reproduce.study import Claim, Study

_CODEC = ["SHARING.compress=true", "SHARING.compression_class=EliasFpzip"]
_JWINS = [
    "SHARING.sharing_class=JWINS",
    "SHARING.wavelet=sym2",
    "SHARING.metadata_cap=0.5",
    "SHARING.accumulation=true",
    "SHARING.accumulate_averaging_changes=true",
    *_CODEC,
]
# the step size of the comparison in docs/sharing.rst
_CHOCO = ["SHARING.sharing_class=Choco", "SHARING.step_size=0.5", *_CODEC]

STUDY = Study(
    paper="Dhasade et al., Get More for Less (JWINS), ICDCS 2023, arXiv:2306.04377",
    about="JWINS > CHOCO with 10 and 20 % of the values",
    minutes=2,
    settings=["GRAPH.graph_class=Regular", "GRAPH.degree=4"],
    methods={
        "JWINS-10": [
            *_JWINS,
            "SHARING.alpha_list=[0.05, 0.05, 0.05, 0.1, 0.1, 0.1, 0.25]",
        ],
        "CHOCO-10": [*_CHOCO, "SHARING.alpha=0.1"],
        "JWINS-20": [
            *_JWINS,
            "SHARING.alpha_list=[0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.5]",
        ],
        "CHOCO-20": [*_CHOCO, "SHARING.alpha=0.2"],
    },
    claims=(
        Claim("JWINS-10", "CHOCO-10", measure="at equal bytes"),
        Claim("JWINS-20", "CHOCO-20", measure="at equal bytes"),
    ),
)
