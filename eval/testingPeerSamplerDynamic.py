"""D-PSGD on a new regular graph in each round; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic

if __name__ == "__main__":
    launch(DPSGDWithPeerSampler, PeerSamplerDynamic)
