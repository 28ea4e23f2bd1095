"""D-PSGD on a new regular graph in each round, on machines of different sizes; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.mappings.Manual import Manual
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic

if __name__ == "__main__":
    launch(DPSGDWithPeerSampler, PeerSamplerDynamic, mapping_class=Manual)
