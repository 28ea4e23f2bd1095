"""A real sshd; breaks when launchers on other hosts are not one run, or outlive it."""

import os
import re
import shlex
import signal
import sys
import time

import psutil
import pytest

from tests.support import LIMIT_S, ROOT
from tests.support.alike import assert_same_weights
from tests.support.launcher import make_experiment
from tests.support.launchers import ends
from tests.support.page import block
from tests.support.sshd import HOSTS, missing, serving

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(missing() is not None, reason=str(missing())),
]
RUN = [sys.executable, "-m", "decentralizepy", "run"]
DIGITS = str(ROOT / "eval/config_digits.ini")
SMALL = ["-ps", "1", "--set", "GRAPH.degree=2"]
PLUGIN = """\
from decentralizepy.sharing.Sharing import Sharing
from helper import nothing


class Mine(Sharing):
    pass
"""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Return the flags that name three hosts, and how to reach them."""
    with serving(tmp_path_factory.mktemp("sshd")) as ssh:
        yield ["--hosts", ",".join(HOSTS), "--ssh", ssh]


def endless(launch, hosts, tmp_path):
    """Start a run without an end, and return its driver once a round is over."""
    words = [*RUN, DIGITS, *SMALL, *hosts, "-is", "100000"]
    driver = launch([*words, "-ld", str(tmp_path / "run")])
    while not re.search(r"round [1-9]", driver.stdout.readline()):
        assert driver.poll() is None, driver.stderr.read()
    return driver


def gone(folder):
    """Wait until no process names a folder in its command."""
    deadline = time.monotonic() + LIMIT_S
    while left := [
        each.info["pid"]
        for each in psutil.process_iter(["pid", "cmdline"])
        if any(str(folder) in word for word in each.info["cmdline"] or ())
    ]:
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


@pytest.mark.slow
def test_the_command_of_the_page_runs_on_all_hosts(tmp_path, hosts, launch):
    """Only the names of the hosts are others, and its rounds are fewer."""
    command = block("ssh.sh").replace("a,b,c", hosts[1])
    words = [*RUN[:3], *shlex.split(command)[1:]]
    words += [*hosts[2:], "-is", "2", "-ld", str(tmp_path / "run")]
    ((status, shown, errors),) = ends([launch(words)])
    assert status == 0, errors
    assert "2 of 2" in shown
    assert len([*(tmp_path / "run/weights").glob("1_weight_*.pt")]) == 6
    gone(tmp_path)


@pytest.mark.slow
def test_what_hosts_do_not_share_is_copied_there_and_back(tmp_path, launch):
    """A plug-in, what it imports, the INI file, and checkpoints, from which a second
    command resumes on other temporary folders; the weights are those of one machine.
    """
    here = tmp_path / "here"
    (here / ".hidden").mkdir(parents=True)
    (here / "mine.py").write_text(PLUGIN)
    (here / "helper.py").write_text("nothing = 0\n")
    mine = {"SHARING": {"sharing_package": "mine", "sharing_class": "Mine"}}
    paths = {**os.environ, "PYTHONPATH": f"{here}:{ROOT}"}
    words = make_experiment(here)(name="alone", **mine)
    assert ends([launch([*words, "-ps", "3"], here, env=paths)])[0][0] == 0
    words = make_experiment(here / ".hidden")(name="run", **mine)
    begin = ["-is", "4", "--checkpoint_every", "2", "-ld", "run", "-wsd", "first"]
    resume = [*RUN, "-is", "10", "--resume", "run", "-wsd", "weights"]
    paths["PYTHONPATH"] = str(ROOT)
    with serving(tmp_path, hidden=here) as ssh:
        hosts = ["-ps", "1", "--hosts", ",".join(HOSTS), "--ssh", ssh]
        for each in ([*words, *begin], resume):
            ((status, shown, errors),) = ends(
                [launch([*each, *hosts], here, env=paths)]
            )
            assert status == 0, errors
    assert "resuming after round 4" in shown
    assert_same_weights(here / "weights", here / "alone/weights")
    assert (here / "run/machine2/0.log").exists()
    final = [here / "alone/final.json", here / "run/machine0/final.json"]
    assert final[0].read_text() == final[1].read_text()
    assert not [*here.glob(".probe*")]


@pytest.mark.parametrize(
    ("host", "line"),
    [
        ("no.such.host.invalid", "Could not resolve hostname no.such.host.invalid"),
        ("127.0.0.4", "Connection refused"),
    ],
)
def test_a_host_out_of_reach_is_named_before_anything_starts(
    tmp_path, hosts, launch, host, line
):
    names = ["--hosts", f"127.0.0.1,{host}", *hosts[2:]]
    words = [*RUN, DIGITS, *SMALL, *names, "-ld", str(tmp_path / "run")]
    ((status, shown, errors),) = ends([launch(words)])
    assert (status, shown) == (2, "")
    assert re.fullmatch(rf"host {re.escape(host)}: .*{line}.*\n", errors), errors
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_all_ends_with_the_driver(tmp_path, hosts, launch, number):
    """By Ctrl-C, or when it is killed; results so far are kept."""
    driver = endless(launch, hosts, tmp_path)
    driver.send_signal(number)
    ((status, _, errors),) = ends([driver])
    assert status == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        # a host that is told late may say first who has told it
        line = "stopped by Ctrl-C; results so far are saved"
        assert errors.splitlines().count(line) == 1, errors
    gone(tmp_path)
    assert (tmp_path / "run/machine2/0_results.jsonl").stat().st_size


@pytest.mark.slow
def test_an_agent_that_is_killed_ends_all(tmp_path, hosts, launch):
    driver = endless(launch, hosts, tmp_path)
    (victim,) = {
        each.info["ppid"]
        for each in psutil.process_iter(["cmdline", "ppid"])
        if str(tmp_path / "run") in (each.info["cmdline"] or ())
        and each.info["cmdline"][-2:] == ["--machine_id", "1"]
        and "decentralizepy.placement.agent"
        in psutil.Process(each.info["ppid"]).cmdline()
    }
    os.kill(victim, signal.SIGKILL)
    ((status, _, errors),) = ends([driver])
    assert status == 3, errors
    assert "machine 1" in errors
    gone(tmp_path)
