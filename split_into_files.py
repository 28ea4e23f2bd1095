"""Split LEAF's files by user; see ``python split_into_files.py --help``."""

import sys

from decentralizepy.datasets.leaf.split import main

if __name__ == "__main__":
    sys.exit(main())
