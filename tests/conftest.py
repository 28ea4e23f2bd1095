"""One thread for every test, and the fixtures of several folders."""

import os
import signal

import hypothesis
import pytest
import torch

from tests.support.launcher import make_experiment
from tests.support.launchers import COUNT, Launchers
from tests.support.networks import Network
from tests.support.ports import free_offset
from tests.support.web import serve

torch.set_num_threads(1)  # a machine shared by workers has no more for each
os.environ["OMP_NUM_THREADS"] = "1"  # the same for the processes of runs
for number in (signal.SIGINT, signal.SIGHUP):
    # ignored in the background of a shell, or under nohup, and so by all children
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Fail a test that was skipped for want of data, where REQUIRE_DATA says so."""
    report = yield
    wanted = os.environ.get("REQUIRE_DATA") and item.get_closest_marker("dataset")
    if report.skipped and wanted:
        report.outcome = "failed"
        report.longrepr = f"skipped for want of its data: {report.longrepr}"
    return report


@pytest.fixture
def run_nodes(tmp_path):
    """Return a function that runs a network to its end and returns its nodes by uid."""
    return Network(tmp_path)


@pytest.fixture
def experiment(tmp_path):
    """Return a function that writes an INI file and returns the words that run it."""
    return make_experiment(tmp_path)


@pytest.fixture
def launch():
    """Return a function that starts commands; those still running end with the test."""
    launchers = Launchers()
    yield launchers
    launchers.end()


@pytest.fixture
def meeting():
    """The flags of machines that meet at a free port of this one."""
    return ["--rendezvous", f"127.0.0.1:{free_offset(1)}", "--machines", str(COUNT)]


@pytest.fixture
def site(tmp_path_factory, monkeypatch):
    """A folder, and the address at which it is served."""
    monkeypatch.setattr("urllib.request._opener", None)  # it remembers the proxy
    monkeypatch.setenv("no_proxy", "*")
    folder = tmp_path_factory.mktemp("site")
    with serve(folder) as address:
        yield folder, address
