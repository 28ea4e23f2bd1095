"""Decentralized learning (D-PSGD) on a fixed graph; the flags are those of upstream."""

from decentralizepy.launcher import launch

if __name__ == "__main__":
    launch("decentralizepy.node.DPSGDNode.DPSGDNode")
