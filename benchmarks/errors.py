"""CPU time of rejecting launches with malformed files, relative to importing torch.

``python benchmarks/errors.py``: each figure excludes starting Python, and is the minimum
of a few runs. Errors in the text of an INI, graph or address file should be reported
before torch is imported.
"""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TRIES = 5
RUN = ("-m", "decentralizepy", "run", "run.ini")
# by name: words after python, and what of the INI file is replaced
LAUNCHES = {
    "no INI file": (("-m", "decentralizepy", "run", "none.ini"), "", ""),
    "no key = value": (RUN, "lr = 0.1", "lr"),
    "a section": (RUN, "[SHARING]", "[SHARIN]"),
    "a key of RUN": (RUN, "iterations", "itrations"),
    "a key of FAULTS": (RUN, "[RUN]", "[FAULTS]\npeer_timout = 3\n[RUN]"),
    "a flag": ((*RUN, "--itrations", "5"), "", ""),
    "a flag's value": ((*RUN, "-is", "many"), "", ""),
    "a graph file": ((*RUN, "-gf", "run.ini"), "", ""),
    "an address file": (RUN, "ip.json", "run.ini"),
}


def main() -> int:
    """Print a ratio for each kind of rejected launch."""
    bare = cpu_s(("-c", ""), ROOT)
    torch = cpu_s(("-c", "import torch"), ROOT) - bare
    print(f"import torch      {torch:5.2f} s")
    text = (ROOT / "eval" / "config_digits.ini").read_text()
    text = text.replace("eval/ip.json", "ip.json")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ip.json").write_text('{"0": "localhost"}')
        for kind, (words, old, new) in LAUNCHES.items():
            (folder / "run.ini").write_text(text.replace(old, new, 1))
            spent = cpu_s(words, folder, status=2) - bare
            print(f"{kind:<16}  {spent:5.2f} s, ratio {spent / torch:.2f}")
    return 0


def cpu_s(words: tuple[str, ...], folder: Path, status: int = 0) -> float:
    """Return the minimum CPU seconds of a few processes that run Python with ``words``."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    times = []
    for _ in range(TRIES):
        before = _children()
        done = subprocess.run(
            [sys.executable, *words],
            cwd=folder,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stderr
        times.append(_children() - before)
    return min(times)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
