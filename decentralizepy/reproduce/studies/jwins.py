"""JWINS: a third of the bytes of full sharing, at the same accuracy."""

from decentralizepy.reproduce.study import Claim, Study

_SPARSE = [
    "SHARING.accumulation=true",
    "SHARING.accumulate_averaging_changes=true",
    "SHARING.compress=true",
    "SHARING.compression_class=EliasFpzip",
]

STUDY = Study(
    paper="Dhasade et al., Get More for Less (JWINS), ICDCS 2023, arXiv:2306.04377",
    about="JWINS = full sharing with a third of the bytes, > top-k and random subsets",
    minutes=1,
    settings=["GRAPH.graph_class=Regular", "GRAPH.degree=4"],
    methods={
        "full": [],
        "JWINS": [
            "SHARING.sharing_class=JWINS",
            "SHARING.alpha_list=[0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 1.0]",
            "SHARING.wavelet=sym2",
            "SHARING.metadata_cap=0.5",
            *_SPARSE,
        ],
        "top-k": ["SHARING.sharing_class=PartialModel", "SHARING.alpha=0.34", *_SPARSE],
        "random": ["SHARING.sharing_class=SubSampling", "SHARING.alpha=0.34"],
    },
    claims=(
        Claim("JWINS", "full", low=-1, high=1),
        Claim("JWINS", "full", low=55, high=70, measure="saved"),
        Claim("JWINS", "random", measure="at equal bytes"),
        Claim("JWINS", "top-k", measure="at equal bytes"),
    ),
)
