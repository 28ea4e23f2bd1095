"""Compare runs by their tables: ``plotting_from_csv.py DIR EPOCHS GLOBAL``; see ``plotting_from_csv.py -h``."""

import sys

from decentralizepy.figures.tables import main

if __name__ == "__main__":
    sys.exit(main())
