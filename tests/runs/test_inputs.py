"""Breaks when a mistake in a file is only reported after torch has been imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from decentralizepy.mappings.addresses import read_addresses

ROOT = Path(__file__).resolve().parent.parent.parent
WATCH = """
import atexit, sys
slow = ("torch", "networkx", "zmq", "pandas", "matplotlib")
atexit.register(lambda: print([name for name in slow if name in sys.modules]))
"""
LAUNCH = """
from decentralizepy.cli import main
main(["run", *sys.argv[1:]])
"""
RUN_DRIVER = """
import runpy
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# words after the command, what is replaced in the INI file, and what is said
CASES = {
    "no file": (["none.ini"], ("", ""), "none.ini: no such file"),
    "no INI": ([], ("lr = 0.1", "lr"), "run.ini, line 13: lr: expected key = value"),
    "a section": ([], ("[SHARING]", "[SHARIN]"), "run.ini: section [SHARIN] is unknown"),
    "a naming key": ([], ("comm_class", "com_class"), "run.ini: [COMMUNICATION] com_cl"),
    "a folder": ([], ("shards = 2", "train_dir = none/here"), "run.ini: [DATASET] train_dir ="),
    "a key of NODE": ([], ("[NODE]", "[NODE]\nkk = 3"), "run.ini: [NODE] kk: not an"),
    "a key of RUN": ([], ("iterations", "itrations"), "run.ini: [RUN] itrations: no"),
    "a value of RUN": ([], ("= 300", "= 0"), "run.ini: [RUN] iterations = 0: expected"),
    "FAULTS": ([], ("[RUN]", "[FAULTS]\nwait = 3\n[RUN]"), "run.ini: [FAULTS] wait: not"),
    "a flag": (["--itrations", "5"], ("", ""), "--itrations: no such flag; did you"),
    "a flag's value": (["-is", "0"], ("", ""), "-is/--iterations: 0: expected a whole"),
    "a setting": (["--set", "lr=1"], ("", ""), "--set lr=1: expected SECTION.key=value"),
    "a machine": (["-mid", "1"], ("", ""), "--machine_id 1: expected a number below"),
    "no graph file": (["-gf", "none"], ("", ""), "none: the graph cannot be read: No"),
    "a graph file": (["-gf", "run.ini"], ("", ""), "run.ini, line 1: "),
    "no address file": ([], ("ip.json", "no.json"), "[COMMUNICATION] addresses_filepath"),
    "an address file": ([], ("ip.json", "run.ini"), "run.ini, line 1: no JSON: Expecting"),
    "no earlier run": (["--resume", "."], ("", ""), "--resume .: not the log folder of"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "change", "line"), CASES.values(), ids=CASES)
def test_what_is_wrong_in_a_text_is_said_before_torch_is_imported(
    tmp_path, words, change, line
):
    text = (ROOT / "eval" / "config_digits.ini").read_text()
    text = text.replace("eval/ip.json", "ip.json")
    assert change[0] in text
    (tmp_path / "run.ini").write_text(text.replace(*change, 1))
    (tmp_path / "ip.json").write_text('{"0": "localhost"}')
    file = [] if words[:1] == ["none.ini"] else ["run.ini"]
    done = subprocess.run(
        [sys.executable, "-c", WATCH + LAUNCH, *file, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr.startswith(line), done.stderr
    assert done.stderr.count("\n") == 1
    assert (done.returncode, done.stdout) == (2, "[]\n")


@pytest.mark.parametrize("driver", sorted((ROOT / "eval").glob("testing*.py")))
def test_a_driver_says_it_as_soon(tmp_path, driver):
    """It names its classes by their paths, so that it need not import them first."""
    (tmp_path / "run.ini").write_text("[SHARIN]\n")
    done = subprocess.run(
        [
            *(sys.executable, "-c", WATCH + RUN_DRIVER),
            *(str(driver), "-cf", "run.ini"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stderr.startswith("run.ini: section [SHARIN] is unknown"), done.stderr
    assert (done.returncode, done.stdout) == (2, "[]\n")


def test_addresses_are_read_as_they_are_written(tmp_path):
    file = tmp_path / "ip.json"
    file.write_text('\ufeff{"0": "localhost", "1": "10.0.0.1"}')
    assert read_addresses(str(file)) == {"0": "localhost", "1": "10.0.0.1"}
