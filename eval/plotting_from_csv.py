"""Compare runs by their tables: ``plotting_from_csv.py DIR EPOCHS GLOBAL``; ``plotting_from_csv.py -h`` says more."""

import sys

from decentralizepy.figures.tables import main

if __name__ == "__main__":
    sys.exit(main())
