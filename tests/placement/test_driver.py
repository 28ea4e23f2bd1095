"""Breaks when a host that cannot take part is not named, or anything starts without it."""

import base64
import json
from types import SimpleNamespace

import pytest

from decentralizepy.errors import ConfigError
from decentralizepy.placement.cargo import Cargo
from decentralizepy.placement.driver import Driver
from decentralizepy.placement.remote import drive
from decentralizepy.placement.ssh import Ssh
from decentralizepy.runs.source import of_package

HELLO = json.dumps({"kind": "hello", "digest": f"{of_package():016x}", "host": "x"})
OTHER = HELLO.replace(f"{of_package():016x}", "0123456789abcdef")
SSH = """\
#!/bin/sh
case "$*" in *bad*) {bad} ;; esac
echo 'Welcome to this host'  # of a login shell
echo '{hello}'
cat >/dev/null
"""


@pytest.fixture
def reach(tmp_path, monkeypatch, capsys):
    """Return a function that drives two hosts, and what it returns and says."""

    def reach(bad, **chosen):
        command = tmp_path / "ssh"
        command.write_text(SSH.format(bad=bad, hello=HELLO))
        command.chmod(0o755)
        (tmp_path / "run.ini").write_text("[RUN]\n")
        monkeypatch.chdir(tmp_path)
        chosen = {"hosts": "good,bad", "ssh": str(command), **chosen}
        status = drive({"config_file": "run.ini", **chosen})
        return status, capsys.readouterr()

    return reach


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        ("echo 'No module named decentralizepy' >&2; exit 1", "No module named"),
        ("exit 7", "ssh ended with status 7"),
        (
            f"echo '{OTHER}'; cat >/dev/null; exit",
            "another version of decentralizepy: ",
        ),
    ],
)
def test_a_host_without_the_same_package_is_named(reach, bad, line):
    status, said = reach(bad)
    assert (status, said.out) == (2, "")
    (only,) = said.err.splitlines()
    assert only.startswith(f"host bad: {line}")


@pytest.mark.parametrize(
    ("chosen", "line"),
    [
        ({"machines": 2}, "--machines 2: follows from --hosts"),
        (
            {"placement": "slurm"},
            "--placement slurm: --hosts places the launchers by ssh",
        ),
        ({"hosts": "a,,b"}, "--hosts : expected [USER@]HOST[:PORT]"),
        (
            {"hosts": "-oProxyCommand=x"},
            "--hosts -oProxyCommand=x: expected [USER@]HOST",
        ),
        ({"ssh": "no-such-command"}, "--ssh no-such-command: No such file"),
        ({"config_file": "none.ini"}, "none.ini: no such file"),
    ],
)
def test_flags_that_cannot_be(reach, chosen, line):
    status, said = reach("exit 7", **chosen)
    assert status == 2
    assert said.err.startswith(line), said.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a", ["--", "a"]),
        ("me@a:22022", ["-p", "22022", "--", "me@a"]),
        ("[fd00::1]:22", ["-p", "22", "--", "fd00::1"]),
        ("fd00::1", ["--", "fd00::1"]),
    ],
)
def test_a_host_is_named_as_ssh_takes_it(name, words):
    sent = Ssh(name, ["ssh"])._words
    assert sent[-1 - len(words) : -1] == words


def test_plug_ins_come_along_and_data_sets_do_not(tmp_path, monkeypatch):
    """The INI file is beside its plug-in, and the current folder is another."""
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    for name in ("mine.py", "helper.py", "a.edges", "data.bin"):
        (tmp_path / "there" / name).write_text("x = 0\n")
    (tmp_path / "there/run.ini").write_text(
        "[DATASET]\ndataset_package = mine\ntrain_dir = data\n"
        "[SHARING]\nsharing_package = decentralizepy.sharing.Sharing\n"
        "[RUN]\ngraph_file = ../there/a.edges\n"
    )
    monkeypatch.chdir(tmp_path / "here")
    cargo = Cargo.of({"config_file": "../there/run.ini", "log_dir": "/x/a"})
    assert (cargo.root, cargo.at, cargo.log_dir) == (tmp_path, "here", "runs/a")
    names = {"there/run.ini", "there/mine.py", "there/helper.py", "there/a.edges"}
    assert {*cargo.names} == names
    flags = cargo.flags({"config_file": str(tmp_path / "there/run.ini")})
    assert flags["config_file"] == "../there/run.ini"


def test_files_that_are_too_large_to_be_copied_are_named(tmp_path, monkeypatch):
    (tmp_path / "run.ini").write_text("[RUN]\ngraph_file = a.edges\n")
    (tmp_path / "a.edges").write_text("0 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("decentralizepy.placement.cargo.LARGEST", 10)
    with pytest.raises(
        ConfigError, match=r"run\.ini: would be copied to each of --hosts"
    ):
        Cargo.of({"config_file": "run.ini"})


@pytest.mark.parametrize(
    ("end", "status", "line"),
    [
        ({"kind": "fetched"}, 0, ""),
        (
            {"kind": "gone", "why": "ssh ended with status 255"},
            3,
            "host a: not all results have come: ssh ended with status 255\n",
        ),
    ],
)
def test_results_that_do_not_all_come_are_told(tmp_path, capsys, end, status, line):
    """The run itself has gone well; the agent dies while it sends what there is."""
    links = [SimpleNamespace(name=name, send=lambda told: None) for name in "ab"]
    driver = Driver(links, {"log_dir": str(tmp_path / "run")})
    data = base64.b64encode(b"{}").decode()
    file = {"kind": "file", "name": "args.json", "offset": 0, "data": data}
    for machine in (0, 1):
        driver._hear(machine, {"kind": "ended", "status": 0})
    driver._hear(1, {"kind": "fetched"})  # of another machine
    driver._hear(0, {**file, "last": True})
    driver._hear(0, end)
    cargo = SimpleNamespace(at=".", log_dir="runs/a")
    assert driver._fetch(cargo, driver._watch()) == status
    assert capsys.readouterr().err == line
    assert (tmp_path / "run/args.json").read_bytes() == b"{}"
