"""Draw how evenly entries are sent: ``plot_percentile.py DIR``; see ``plot_percentile.py -h``."""

import sys

from decentralizepy.figures.percentiles import main

if __name__ == "__main__":
    sys.exit(main())
