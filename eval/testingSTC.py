"""Federated learning with sparse ternary compression; the flags are those of upstream."""

from decentralizepy.launcher import launch

if __name__ == "__main__":
    launch(
        "decentralizepy.node.STC.STCClient.STCClient",
        "decentralizepy.node.STC.STCServer.STCServer",
    )
