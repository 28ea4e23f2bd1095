"""Plot finished runs: ``plot.py DIR [CENTRALIZED]``; see ``plot.py -h``."""

import sys

from decentralizepy.commands.plot import main

if __name__ == "__main__":
    sys.exit(main())
