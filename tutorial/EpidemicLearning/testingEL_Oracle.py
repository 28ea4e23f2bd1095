"""Epidemic Learning with an oracle; the flags are those of eval/testing.py."""

from decentralizepy.launcher import launch
from decentralizepy.node.EpidemicLearning.EL_Oracle_Client import EL_Oracle_Client
from decentralizepy.node.EpidemicLearning.EL_Oracle_TopologyBuilder import (
    EL_Oracle_TopologyBuilder,
)

if __name__ == "__main__":
    launch(EL_Oracle_Client, EL_Oracle_TopologyBuilder)
