"""Draw how a node's model changes: ``plot_model.py LOGDIR RANK``; see ``plot_model.py -h``."""

import sys

from decentralizepy.figures.changes import main

if __name__ == "__main__":
    sys.exit(main())
