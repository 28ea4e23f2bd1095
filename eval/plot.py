"""Plot finished runs: ``plot.py DIR [CENTRALIZED]``; ``plot.py -h`` says more."""

import sys

from decentralizepy.commands.plot import main

if __name__ == "__main__":
    sys.exit(main())
