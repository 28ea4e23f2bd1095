"""Breaks when a host that cannot take part is not named, or anything starts without it."""

import base64
import json
import signal
import threading
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
echo '"kind"'
echo '{hello}'
while read -r line; do
    case "$line" in
    *'"look"'*) echo '{{"kind": "looked", "shared": false}}' ;;
    *'"confirm"'*) echo '{{"kind": "confirmed"}}' ;;
    *'"start"'*) echo '{{"kind": "ended", "status": 0}}'; touch started ;;
    *'"fetch"'*) echo '{{"kind": "fetched"}}' ;;
    esac
done
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


FULL = f"""
echo '{HELLO}'
read -r line
echo '{{"kind": "looked", "shared": false}}'
read -r line
echo 'OSError: No space left on device' >&2
exit 1
"""


def test_a_host_that_cannot_take_the_files_is_named_before_a_launcher_starts(
    tmp_path, reach
):
    status, said = reach(FULL, log_dir="run")
    assert (status, said.out) == (3, "")
    assert said.err == "host bad: OSError: No space left on device\n"
    assert not (tmp_path / "started").exists()


def test_a_folder_that_takes_no_results_is_told_before_a_launcher_starts(
    tmp_path, reach
):
    (tmp_path / "file").touch()
    status, said = reach(":", log_dir="file/run")
    assert (status, said.err) == (2, "--log_dir file/run: Not a directory\n")
    assert not (tmp_path / "started").exists()


PAUSED = f"""
echo '{HELLO}'
while read -r line; do
    case "$line" in
    *'"look"'*) echo '{{"kind": "looked", "shared": true}}' ;;
    *'"confirm"'*) echo '{{"kind": "confirmed"}}' ;;
    *'"signal", "number": 12'*) echo '{{"kind": "ended", "status": 75}}' ;;
    esac
done
exit
"""


def test_a_signal_for_a_checkpoint_is_passed_on(reach):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        # not the process, another thread of which would take it
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR2)
        assert reach(PAUSED, hosts="bad")[0] == 75
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
        ({"hosts": ""}, "--hosts : expected [USER@]HOST[:PORT]"),
        ({"ssh": "no-such-command"}, "--ssh no-such-command: No such file"),
        ({"ssh": "ssh 'x"}, "--ssh ssh 'x: expected a command and its options"),
        ({"ssh": ""}, "--ssh : expected a command and its options"),
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
    (tmp_path / "there/graphs").mkdir()
    for name in ("mine.py", "helper.py", "a.edges", "data.bin", "graphs/1.edges"):
        (tmp_path / "there" / name).write_text("x = 0\n")
    (tmp_path / "there/run.ini").write_text(
        "[DATASET]\ndataset_package = mine\ntrain_dir = data\n"
        "[SHARING]\nsharing_package = decentralizepy.sharing.Sharing\n"
        "[GRAPH]\ngraphs_dir = graphs\n"
        "[RUN]\ngraph_file = ../there/a.edges\n"
    )
    monkeypatch.chdir(tmp_path / "here")
    cargo = Cargo.of({"config_file": "../there/run.ini", "log_dir": "/x/a"})
    assert (cargo.root, cargo.at, cargo.log_dir) == (tmp_path, "here", "runs/a")
    names = {"there/run.ini", "there/mine.py", "there/helper.py", "there/a.edges"}
    assert {*cargo.names} == names | {"there/graphs/1.edges"}
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


@pytest.fixture
def ended(tmp_path):
    """A driver of two hosts whose run has gone well, and whose results are not here yet.

    Each host has said what is given, before it is asked for anything.
    """
    links = [SimpleNamespace(name=name, send=lambda told: None) for name in "ab"]
    driver = Driver(links, {"log_dir": str(tmp_path / "run")})
    driver._left = {0, 1}

    def ended(*said):
        for machine in (0, 1):
            driver.crew.hear(machine, {"kind": "ended", "status": 0})
        for machine, told in said:
            driver.crew.hear(machine, told)
        cargo = SimpleNamespace(at=".", log_dir="runs/a")
        return driver._fetch(cargo, driver._watch())

    ended.driver = driver
    return ended


DONE = {"kind": "fetched"}
GONE = {"kind": "gone", "why": "ssh ended with status 255"}


def file(name, **fields):
    data = base64.b64encode(b"{}").decode()
    piece = {"name": name, "offset": 0, "data": data, "last": True}
    return 0, {"kind": "file", **piece, **fields}


ARGS, LATEST = file("args.json"), file("0/4.safetensors")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ([ARGS, (0, DONE), LATEST, (0, DONE), (1, DONE)], ""),
        ([ARGS, (0, GONE), (1, DONE)], "ssh ended with status 255"),
        ([(0, GONE), (1, DONE)], "ssh ended with status 255"),
        ([file("../x"), (1, DONE)], "another machine sent a file called '../x'"),
        ([file("args.json/x"), (1, DONE)], "[Errno 17] File exists: "),
    ],
)
def test_results_that_do_not_all_come_are_told(tmp_path, capsys, ended, said, line):
    """The agent dies before or while it sends what there is, or it cannot be written."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run/args.json").write_text("{}")
    assert ended(*said) == (3 if line else 0)
    assert ended.driver._left == ({0} if line else set())
    start = f"host a: not all results have come: {line}" if line else ""
    told = capsys.readouterr().err
    assert told.startswith(start)
    assert told.count("\n") == bool(line)
    assert (tmp_path / "run/args.json").read_bytes() == b"{}"


def test_checkpoints_that_a_host_no_longer_has_are_removed(tmp_path, ended):
    """Those of a timeline that a run has left when it resumed from an earlier round."""
    old = tmp_path / "run/machine0/checkpoints/0/6.safetensors"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"old")
    assert ended(ARGS, (0, DONE), LATEST, (0, DONE), (1, DONE)) == 0
    assert [each.name for each in old.parent.iterdir()] == ["4.safetensors"]


def test_a_host_that_the_run_has_lost_keeps_its_results(tmp_path, capsys, ended):
    ended.driver.crew.hear(1, GONE)
    ended.driver.crew.hear(0, {"kind": "ended", "status": 3})
    assert ended.driver._watch() == 3
    assert capsys.readouterr().err == "host b: ssh ended with status 255\n"
    assert ended.driver._left == {0, 1}
