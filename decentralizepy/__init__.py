"""Learning on networks of nodes: decentralized, federated, parameter server."""
