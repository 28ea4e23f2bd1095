"""Quasi-global momentum: momentum that heterogeneous data do not spoil."""

from decentralizepy.reproduce.study import Claim, Study

STUDY = Study(
    paper="Lin et al., Quasi-global Momentum, ICML 2021, arXiv:2102.04761",
    about="QG > D-PSGD on a ring where data differ, with and without local momentum",
    minutes=2,
    settings=[
        "DATASET.partition_niid=dirichlet",
        "TRAIN_PARAMS.rounds=1",
        "TRAIN_PARAMS.batch_size=16",
    ],
    grid=["DATASET.alpha=10,0.1"],
    # a tenth of the learning rate with momentum 0.9; neither is tuned
    methods={
        "D-PSGD": ["OPTIMIZER_PARAMS.lr=0.2"],
        "D-PSGD-momentum": [
            "OPTIMIZER_PARAMS.lr=0.02",
            "OPTIMIZER_PARAMS.momentum=0.9",
        ],
        "QG": ["OPTIMIZER_PARAMS.lr=0.02", "SHARING.sharing_class=QuasiGlobal"],
    },
    claims=(
        Claim("QG,alpha=0.1", "D-PSGD,alpha=0.1"),
        Claim("QG,alpha=0.1", "D-PSGD-momentum,alpha=0.1"),
        Claim("QG,alpha=10", "D-PSGD-momentum,alpha=10", low=-1, high=1),
    ),
    rounds=150,
    test_after=10,
)
