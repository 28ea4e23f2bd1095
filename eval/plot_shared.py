"""Draw which entries a node sent: ``plot_shared.py FOLDER``; ``plot_shared.py -h`` says more."""

import sys

from decentralizepy.figures.shared import main

if __name__ == "__main__":
    sys.exit(main())
