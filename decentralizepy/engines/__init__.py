"""How the nodes of one machine are run."""
