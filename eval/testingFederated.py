"""Federated averaging with a parameter server; the flags are those of upstream."""

from decentralizepy.launcher import launch

if __name__ == "__main__":
    launch(
        "decentralizepy.node.DPSGDNodeFederated.DPSGDNodeFederated",
        "decentralizepy.node.FederatedParameterServer.FederatedParameterServer",
    )
