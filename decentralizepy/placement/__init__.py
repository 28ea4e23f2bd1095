"""Which machine of a run this is, and how the launchers of all machines find each other."""
