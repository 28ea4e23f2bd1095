"""Unequal machines: as testing.py, with a number of processes for each machine; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.mappings.Manual import Manual
from decentralizepy.node.DPSGDNode import DPSGDNode

if __name__ == "__main__":
    launch(DPSGDNode, mapping_class=Manual)
