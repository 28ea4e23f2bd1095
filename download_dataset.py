"""Download CIFAR-10 into ./eval/data/."""

import sys

from decentralizepy.datasets.download import main

if __name__ == "__main__":
    sys.exit(main())
