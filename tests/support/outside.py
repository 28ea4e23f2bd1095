"""Python in another folder, as a user of the package runs it."""

import os
import subprocess
import sys

from tests.support import LIMIT_S, ROOT


def python(folder, *words, **options):
    """Run Python with some words in a folder, and return what became of it."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        **options,
    )
