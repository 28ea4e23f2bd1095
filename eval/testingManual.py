"""D-PSGD on machines with different numbers of processes; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.mappings.Manual import Manual

if __name__ == "__main__":
    launch("decentralizepy.node.DPSGDNode.DPSGDNode", mapping_class=Manual)
