"""D-PSGD on an overlay of peers with different labels; the flags are those of upstream."""

from decentralizepy.launcher import launch

if __name__ == "__main__":
    launch("decentralizepy.node.KFN.KFN")
