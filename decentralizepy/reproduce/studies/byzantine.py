"""Byzantine nodes: what they do to averaging, and what robust aggregates restore."""

from decentralizepy.reproduce.study import Claim, Study

_ATTACKS = {
    "none": [],
    "SignFlip": ["ATTACK.attack_class=SignFlip", "ATTACK.count=4"],
    "IPM": ["ATTACK.attack_class=IPM", "ATTACK.count=4"],
    "ALIE": ["ATTACK.attack_class=ALIE", "ATTACK.count=4", "ATTACK.z=3.0"],
}
_DEFENSES = {
    "mean": [],
    **{
        name: [f"SHARING.sharing_class={name}", "SHARING.byzantine=4"]
        for name in ("CoordinateMedian", "MultiKrum", "ClippedGossip")
    },
}

_HURT = [Claim("mean,none", f"mean,{attack}", 5) for attack in [*_ATTACKS][1:]]
_RESTORED = [
    Claim(f"{defense},{attack}", "mean,none", -5)
    for attack in [*_ATTACKS][1:]
    for defense in [*_DEFENSES][1:]
]

STUDY = Study(
    paper="He et al., ClippedGossip, 2022, arXiv:2202.01545; Blanchard et al., Krum, 2017",
    about="attacks cost averaging over 5 points, robust aggregates under 5",
    minutes=3,
    settings=[
        "DATASET.partition_niid=dirichlet",
        "DATASET.alpha=0.3",
        "OPTIMIZER_PARAMS.lr=0.1",
        "OPTIMIZER_PARAMS.momentum=0.9",
        "TRAIN_PARAMS.batch_size=16",
        "GRAPH.graph_class=Regular",
        "GRAPH.degree=10",
    ],
    methods={
        f"{defense},{attack}": [*forged, *robust]
        for attack, forged in _ATTACKS.items()
        for defense, robust in _DEFENSES.items()
    },
    claims=_HURT + _RESTORED,
    rounds=40,
    test_after=10,
)
