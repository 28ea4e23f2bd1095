"""Write a graph file; see ``python generate_graph.py --help``."""

import sys

from decentralizepy.commands.graph import main

if __name__ == "__main__":
    sys.exit(main(prog="generate_graph.py"))
