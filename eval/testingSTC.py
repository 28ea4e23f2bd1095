"""Federated learning with sparse ternary compression; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer

if __name__ == "__main__":
    launch(STCClient, STCServer)
