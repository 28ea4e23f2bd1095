"""Run every INI file of a folder in turn, with the package on PYTHONPATH."""

import importlib
import os
import sys
import traceback
from pathlib import Path

from decentralizepy.cli import main

# imported once instead of in every run
SLOW = (
    "torch._dynamo",
    "torch.optim",
    "pandas",
    "rich.console",
    "decentralizepy.launcher",
)


def run(ini: Path) -> None:
    """Run ``NAME.ini`` in a separate process; logs and weights go to ``NAME/``."""
    if os.fork() == 0:
        status = 1
        try:
            status = start(ini)
        finally:
            os._exit(status)
    os.wait()


def start(ini: Path) -> int:
    """Run one experiment in this process and return its exit status."""
    folder = ini.with_suffix("")
    folder.mkdir()
    screen = os.open(folder / "screen.txt", os.O_WRONLY | os.O_CREAT)
    os.dup2(screen, 1)
    os.dup2(screen, 2)
    folders = ["-ld", str(folder / "logs"), "-wsd", str(folder / "weights")]
    try:
        return main(["run", str(ini), *folders])
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    for name in SLOW:
        importlib.import_module(name)
    for path in sorted(Path(sys.argv[1]).glob("*.ini")):
        run(path)
