"""install_nMachines.sh with a fake ssh; breaks when a machine is left without its environment."""

import json
import os
import shutil
import subprocess

import pytest

from tests.support import LIMIT_S, ROOT

# runs the remote command here, as the shell at the other end would; "down" is unreachable
SSH = """#!/bin/bash
while [ "$1" != -- ]; do shift; done
echo "$2: $3" >>"$SSH_LOG"
[ "$2" != down ] || exit 255
exec bash -c "$3"
"""
VENV = 'echo "extra=$1 VENV=${VENV:-} in $PWD" | tee made\n'


class Machines:
    """A copy of the script, in a tree of its own, and what it does to other machines."""

    def __init__(self, folder):
        self.here, self.there = folder / "here", folder / "there it is"
        (self.here / "eval").mkdir(parents=True)
        shutil.copy(ROOT / "install_nMachines.sh", self.here)
        (self.here / "eval/venv.sh").write_text(VENV)
        (self.here / ".gitignore").write_text("data/\n")
        for name in ("data", "my venv", ".git"):
            (self.here / name).mkdir()
            (self.here / name / "large").touch()
        ssh = folder / "ssh"
        ssh.write_text(SSH)
        ssh.chmod(0o755)
        self.log = folder / "log"
        self.env = {**os.environ, "SSH": str(ssh), "SSH_LOG": str(self.log)}
        self.env.pop("VENV", None)

    def install(self, addresses, *flags, **env):
        path = self.here / "ip.json"
        path.write_text(json.dumps(addresses))
        return self.run(str(path), *flags, **env)

    def run(self, *words, **env):
        return subprocess.run(
            ["bash", self.here / "install_nMachines.sh", *words],
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )


@pytest.fixture
def machines(tmp_path):
    return Machines(tmp_path)


@pytest.mark.processes
def test_here_and_there_get_their_environment(machines):
    into = ("--into", str(machines.there))
    done = machines.install({"0": "localhost", "1": "far"}, *into, "dev")
    assert done.returncode == 0, done.stderr
    assert (machines.here / "made").read_text().startswith("extra=dev")
    assert str(machines.there) in (machines.there / "made").read_text()
    lines = done.stdout.splitlines()
    assert {"localhost: ready", "far: ready"} <= set(lines)


@pytest.mark.processes
def test_the_package_is_sent_without_what_git_ignores(machines):
    machines.install({"0": "far"}, "--into", str(machines.there), VENV="my venv")
    assert (machines.there / "install_nMachines.sh").exists()
    assert not [*machines.there.rglob("large")]
    assert not (machines.here / "made").exists()


@pytest.mark.processes
def test_settings_travel_whatever_they_hold(machines):
    name = "my venv; $HOME"
    machines.install({"0": "far"}, "--into", str(machines.there), VENV=name)
    assert f"VENV={name} in" in (machines.there / "made").read_text()


@pytest.mark.processes
def test_what_is_there_is_left_as_it_is(machines):
    """Else a change on that machine, or a folder that both share, would be lost."""
    (machines.there / "eval").mkdir(parents=True)
    (machines.there / "eval/venv.sh").write_text("# mine\n")
    done = machines.install({"0": "far"}, "--into", str(machines.there))
    assert done.returncode == 0
    assert (machines.there / "eval/venv.sh").read_text() == "# mine\n"
    assert not (machines.there / "install_nMachines.sh").exists()


@pytest.mark.processes
def test_a_machine_that_fails_is_named_and_the_others_go_on(machines):
    into = ("--into", str(machines.there))
    done = machines.install({"0": "down", "1": "far"}, *into)
    assert done.returncode == 1
    assert done.stderr == "down: not installed\n"
    assert "far: ready" in done.stdout
    assert "down: ready" not in done.stdout


@pytest.mark.processes
def test_a_dry_run_only_says_what_would_be_done(machines):
    into = ("--into", str(machines.there))
    done = machines.install({"0": "localhost", "1": "far"}, *into, "--dry-run")
    assert done.returncode == 0
    here, far = done.stdout.splitlines()
    assert here.startswith("localhost: bash eval/venv.sh")
    assert far.startswith(f"far: send the package to {machines.there}")
    assert not machines.log.exists()
    assert not machines.there.exists()
    assert not (machines.here / "made").exists()


@pytest.mark.processes
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected an address file"),
        (["none.json"], "none.json: No such file"),
        (["ip.json", "--wet"], "--wet: no such flag; there are --dry-run"),
        (["ip.json", "--into"], "--into: expected a folder"),
        (["venv.sh"], 'expected a JSON object of machines and hosts, as {"0"'),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(machines, words, message):
    (machines.here / "venv.sh").write_text("no JSON")
    done = machines.run(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("install_nMachines.sh: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.processes
@pytest.mark.parametrize("addresses", [{}, {"0": 3}, {"0": ""}, {"0": "a b"}, []])
def test_a_file_that_names_no_hosts_is_refused(machines, addresses):
    done = machines.install(addresses)
    assert done.returncode == 2
    assert "expected a JSON object" in done.stderr
