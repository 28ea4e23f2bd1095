"""eval/venv.sh; breaks when a machine without Python sees the shell complain."""

import os
import shutil
import subprocess

from tests.support import ROOT

PYTHON = (
    '#!/bin/sh\\n[ "$2" != venv ] || { mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; }\\n'
)
APT = f"""\
#!/bin/sh
echo "apt-get $*"
[ "$1" != install ] || {{ printf '{PYTHON}' >"$BIN/python-to-come"; chmod +x "$BIN/python-to-come"; }}
"""


def test_a_machine_without_python_gets_it_and_no_complaint(tmp_path):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("apt-get", APT), ("id", "#!/bin/sh\necho 0\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "eval").mkdir()
    for name in ("eval/venv.sh", "setup.cfg", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    path = f"{programs}:{os.environ['PATH']}"
    settings = {"PATH": path, "BIN": str(programs), "PYTHON": "python-to-come"}
    done = subprocess.run(
        ["bash", "eval/venv.sh"],
        cwd=tmp_path,
        env={**settings, "VENV": "made"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "apt-get install -qy python3-venv" in done.stdout
    assert (tmp_path / "made" / "bin" / "python").exists()
