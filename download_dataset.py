"""Download data sets into ./eval/data/; CIFAR-10, if none is named."""

import sys

from decentralizepy.commands.data import main

if __name__ == "__main__":
    sys.exit(main(["download", *sys.argv[1:]]))
