"""Draw how a node's model moves: ``plot_model.py LOGDIR RANK``; ``plot_model.py -h`` says more."""

import sys

from decentralizepy.figures.changes import main

if __name__ == "__main__":
    sys.exit(main())
