"""``python -m decentralizepy``: the ``decentralizepy`` command."""

import sys

from decentralizepy.cli import main

sys.exit(main())
