"""D-PSGD that asks a peer sampler for its neighbors; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.PeerSampler import PeerSampler

if __name__ == "__main__":
    launch(DPSGDWithPeerSampler, PeerSampler)
