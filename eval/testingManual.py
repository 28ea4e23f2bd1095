"""D-PSGD on machines with different numbers of processes; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.mappings.Manual import Manual
from decentralizepy.node.DPSGDNode import DPSGDNode

if __name__ == "__main__":
    launch(DPSGDNode, mapping_class=Manual)
