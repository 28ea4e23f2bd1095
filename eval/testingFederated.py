"""Federated averaging with a parameter server; the flags are those of upstream."""

from decentralizepy.launcher import launch
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer

if __name__ == "__main__":
    launch(DPSGDNodeFederated, FederatedParameterServer)
