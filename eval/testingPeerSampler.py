"""D-PSGD that asks a peer sampler for its neighbors; the flags are those of upstream."""

from decentralizepy.launcher import launch

if __name__ == "__main__":
    launch(
        "decentralizepy.node.DPSGDWithPeerSampler.DPSGDWithPeerSampler",
        "decentralizepy.node.PeerSampler.PeerSampler",
    )
