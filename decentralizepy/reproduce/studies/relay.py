"""RelaySGD: relayed sums on trees, where data differ as much as they can."""

from decentralizepy.reproduce.study import Claim, Study

_SGD, _HEAVY = ["OPTIMIZER_PARAMS.lr=0.1"], ["OPTIMIZER_PARAMS.lr=0.01"]
_MOMENTUM = [*_HEAVY, "OPTIMIZER_PARAMS.momentum=0.9"]
_RELAY = ["SHARING.sharing_class=RelaySum", "GRAPH.graph_class=DoubleBinaryTree"]
# on a ring of 16, D2 needs the weights (I + W) / 2, as which it is ExactDiffusion
_D2 = ["SHARING.sharing_class=ExactDiffusion"]
_SGP = ["SHARING.sharing_class=PushSum", "GRAPH.graph_class=OnePeerExponential"]
_INFINITY = float("inf")

STUDY = Study(
    paper="Vogels et al., RelaySum, NeurIPS 2021, arXiv:2110.04175, table 2",
    about="RelaySGD and SGP > QG > D-PSGD > D2 where data differ most",
    minutes=15,
    settings=[
        "DATASET.partition_niid=dirichlet",
        "TRAIN_PARAMS.rounds=1",
        "TRAIN_PARAMS.batch_size=16",
        "FAULTS.nonfinite=keep",
    ],
    grid=["DATASET.alpha=1,0.1,0.01"],
    # one learning rate for all without momentum, a tenth of it with momentum 0.9; untuned
    methods={
        "D-PSGD": _SGD,
        "D2": [*_SGD, *_D2],
        "RelaySGD": [*_SGD, *_RELAY],
        "SGP": [*_SGD, *_SGP],
        "QG": [*_HEAVY, "SHARING.sharing_class=QuasiGlobal"],
        "D2-momentum": [*_MOMENTUM, *_D2],
        "RelaySGD-momentum": [*_MOMENTUM, *_RELAY],
        "SGP-momentum": [*_MOMENTUM, *_SGP],
    },
    claims=(
        Claim("RelaySGD,alpha=1", "D-PSGD,alpha=1", low=-1, high=1),
        Claim("RelaySGD,alpha=0.1", "D2,alpha=0.1"),
        Claim("D2,alpha=0.1", "D-PSGD,alpha=0.1"),
        Claim("QG,alpha=0.1", "D-PSGD,alpha=0.1"),
        Claim("RelaySGD-momentum,alpha=0.1", "D2-momentum,alpha=0.1"),
        Claim("D2-momentum,alpha=0.1", "QG,alpha=0.1"),
        Claim("RelaySGD,alpha=0.01", "D-PSGD,alpha=0.01"),
        Claim("SGP,alpha=0.01", "RelaySGD,alpha=0.01"),
        Claim("D2,alpha=0.01", "D-PSGD,alpha=0.01", low=-_INFINITY, high=0),
        Claim("QG,alpha=0.01", "D-PSGD,alpha=0.01"),
        Claim("RelaySGD-momentum,alpha=0.01", "QG,alpha=0.01"),
        Claim("RelaySGD-momentum,alpha=0.01", "SGP-momentum,alpha=0.01"),
    ),
    test_after=10,
)
