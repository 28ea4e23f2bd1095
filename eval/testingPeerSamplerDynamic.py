"""D-PSGD on a new regular graph in each round; the flags are those of upstream."""

from decentralizepy.launcher import launch

if __name__ == "__main__":
    launch(
        "decentralizepy.node.DPSGDWithPeerSampler.DPSGDWithPeerSampler",
        "decentralizepy.node.PeerSamplerDynamic.PeerSamplerDynamic",
    )
