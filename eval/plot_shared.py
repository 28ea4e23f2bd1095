"""Draw which entries a node sent: ``plot_shared.py FOLDER``; see ``plot_shared.py -h``."""

import sys

from decentralizepy.figures.shared import main

if __name__ == "__main__":
    sys.exit(main())
