"""D-PSGD on a new regular graph in each round, on machines of different sizes; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.mappings.Manual import Manual

if __name__ == "__main__":
    launch(
        "decentralizepy.node.DPSGDWithPeerSampler.DPSGDWithPeerSampler",
        "decentralizepy.node.PeerSamplerDynamic.PeerSamplerDynamic",
        mapping_class=Manual,
    )
