"""Decentralized learning (D-PSGD) on a fixed graph; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.node.DPSGDNode import DPSGDNode

if __name__ == "__main__":
    launch(DPSGDNode)
