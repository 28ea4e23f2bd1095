"""Epidemic Learning without an oracle; the flags are those of eval/testing.py."""

from decentralizepy.launcher import launch
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local

if __name__ == "__main__":
    launch(EL_Local)
