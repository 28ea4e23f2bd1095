"""Breaks when a launcher does not tell the others how its nodes ended, or waits in vain."""

import contextlib
import json
import queue
import socket
import threading
from types import SimpleNamespace

import pytest

from decentralizepy.communication.IPC import IPC
from decentralizepy.communication.TCP import TCP
from decentralizepy.errors import AddressError, ConfigError, NodeFailed, PeerLost
from decentralizepy.mappings.Linear import Linear
from decentralizepy.mappings.Manual import Manual
from decentralizepy.runs.machines import Ended, Machines
from decentralizepy.runs.signals import Stopped
from tests.support import LIMIT_S
from tests.support.ports import free_offset

COUNT = 3
KILLED = NodeFailed("uid 2 (rank 0, machine 1) was killed by SIGKILL")


def linked(tmp_path, machine, policy="abort", offset=9000, mapping=None, comm=TCP):
    """Return the link of one of three machines, which are addresses of this one."""
    addresses = {str(each): f"127.0.0.{each + 1}" for each in range(COUNT)}
    (tmp_path / "ip.json").write_text(json.dumps(addresses))
    options = {"addresses_filepath": str(tmp_path / "ip.json"), "offset": offset}
    mapping = mapping or Linear(COUNT, 2, current_machine=machine)
    machines = mapping.n_machines
    args = {"machine_id": machine, "machines": machines, "iterations": 10}
    experiment = SimpleNamespace(
        args=SimpleNamespace(**args, server_rank=-1),
        mapping=mapping,
        config={"FAULTS": {"on_peer_loss": policy}},
        parts={"COMMUNICATION": SimpleNamespace(cls=comm)},
        comm_options=options,
        launchers={},
    )
    return Machines(experiment)


@pytest.fixture
def launch(tmp_path):
    """Return a function that runs the steps of each machine's launcher in a thread.

    A step is what it passes to ``settle``, or an error that ends it. The function returns
    what each ``settle`` returned, or the error that a launcher ended with, by machine.
    """

    def launch(*steps, policy="abort", mapping=None):
        offset, told = free_offset(2), queue.Queue()
        links = [
            linked(tmp_path, machine, policy, offset, mapping and mapping(machine))
            for machine in range(len(steps))
        ]

        def run(machine):
            found = []
            try:
                with links[machine] as link:
                    meet(link)
                    for step in steps[machine]:
                        if isinstance(step, BaseException):
                            raise step
                        found.append(link.settle(*step))
            except BaseException as error:
                found.append(error)
            told.put((machine, found))

        for machine in range(len(steps)):
            threading.Thread(target=run, args=[machine], daemon=True).start()
        ended = dict(told.get(timeout=LIMIT_S) for _ in steps)
        return [ended[machine] for machine in range(len(steps))]

    return launch


def pair(tmp_path, policy):
    """Return the links of two machines."""
    offset = free_offset(2)
    return [
        linked(tmp_path, machine, policy, offset, Linear(2, 2, current_machine=machine))
        for machine in range(2)
    ]


def poll(link):
    """Check what other machines say, as if nodes were never to pass the barrier."""
    while True:
        link.check(starting=True)


def meet(link):
    """Wait until the launchers of all other machines have connected."""
    while len(link._news) < len(link._others):
        link._read()


WELL = (None,)


def test_all_machines_wait_until_all_have_finished(launch):
    assert launch([WELL], [WELL], [WELL]) == [[None]] * COUNT


def test_a_failure_on_one_machine_ends_the_others_with_its_cause(launch):
    first, _, third = launch([WELL], [KILLED], [WELL])
    for (error,) in (first, third):
        assert str(error) == f"machine 1: {KILLED.cause}"
        assert error.exit_status == 3


@pytest.mark.parametrize(
    ("ended", "status", "cause"),
    [
        (ConfigError("no checkpoint"), 2, "no checkpoint"),
        (Stopped(2), 3, "stopped by Ctrl-C; results so far are saved"),
        (PeerLost({5}, "waiting"), 3, "lost uid 5"),
        (RuntimeError("a bug\nof a plug-in"), 3, "a bug"),
    ],
)
def test_whatever_ends_a_launcher_ends_the_others(launch, ended, status, cause):
    (error,), _, _ = launch([WELL], [ended], [WELL])
    assert str(error).startswith(f"machine 1: {cause}")
    assert "plug-in" not in str(error)  # one line
    assert error.exit_status == status


def test_lost_nodes_are_named_on_every_machine(launch):
    """Also on one whose nodes do not talk to the lost ones, and by one that stopped."""
    dropped = (KILLED, [2])
    told = launch([WELL], [dropped], [Stopped(15)], policy="drop")
    text = "lost uid 2, 4, 5; the nodes of this machine finished without"
    assert [str(each[0]) for each in told[:2]] == [text, text]
    assert launch([WELL], [WELL], [WELL], policy="drop") == [[None]] * COUNT


def test_all_machines_restart_together_and_as_often(launch):
    """The first and the third finish, the second fails once; then all finish."""
    told = launch([WELL, WELL], [(KILLED,), WELL], [WELL, WELL], policy="restart")
    assert told[1] == [None, None]
    for failed, finished in (told[0], told[2]):
        assert failed.cause == f"machine 1: {KILLED.cause}"
        assert finished is None


def test_nobody_restarts_without_a_machine_that_has_ended(launch):
    told = launch([(KILLED,), WELL], [WELL, KILLED], [WELL, WELL], policy="restart")
    for machine in (0, 2):
        assert str(told[machine][-1]) == f"machine 1: {KILLED.cause}"
        assert told[machine][-1].exit_status == 3


@pytest.mark.parametrize("policy", ["abort", "drop", "restart"])
def test_a_launcher_that_dies_before_the_barrier_is_missed(tmp_path, policy):
    """Its nodes have greeted nobody yet, so those of the other wait in vain."""
    first, second = pair(tmp_path, policy)
    died = "machine 1: its launcher has died"
    with first:
        meet(first)
        second._link.terminate(0)  # without a word
        first.check(starting=False)  # nodes notice that by themselves
        with pytest.raises(NodeFailed, match=died) as told:
            poll(first)
    assert told.value.exit_status == 3


def test_with_drop_a_machine_that_fails_at_the_start_ends_those_that_wait(tmp_path):
    first, second = pair(tmp_path, "drop")
    with first:
        meet(first)
        with contextlib.suppress(NodeFailed), second:
            raise KILLED
        while not first._news[1]:
            first.check(starting=False)
        with pytest.raises(NodeFailed, match="machine 1: uid 2"):
            first.check(starting=True)


def test_a_machine_with_nothing_but_a_service_has_a_launcher_too(launch):
    def mapping(machine):
        return Manual(COUNT, [0, 2, 2], current_machine=machine)

    assert launch([WELL], [WELL], [WELL], mapping=mapping) == [[None]] * COUNT


def test_on_a_single_machine_nobody_is_asked(tmp_path):
    with linked(tmp_path, 0, mapping=Linear(1, 4), comm=IPC) as link:
        link.check(starting=True)
        assert link.settle(None) is None
    with linked(tmp_path, 0, "drop", mapping=Linear(1, 4), comm=IPC) as link:
        assert str(link.settle(KILLED, [2])).startswith("lost uid 2;")


def test_a_machine_that_never_connected_is_told_of(tmp_path, monkeypatch, capsys):
    """Nodes may have run although a firewall keeps launchers apart."""
    monkeypatch.setattr("decentralizepy.runs.machines.MEET_S", 0.2)
    offset = free_offset(2)
    with linked(tmp_path, 0, offset=offset, mapping=Linear(2, 2)) as link:
        assert link.settle(None) is None
    told = f"the launcher of machine 1 has not answered at tcp://127.0.0.2:{offset}"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(("ranks", "shift"), [([0, 1], 0), ([-1], -2)])
def test_the_port_of_a_launcher_is_checked_with_those_of_its_nodes(
    tmp_path, ranks, shift
):
    offset = free_offset(4) + 3
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    options = {"addresses_filepath": str(tmp_path / "ip.json"), "offset": offset}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", offset + shift))
        taken.listen()
        with pytest.raises(AddressError, match=f"port {offset + shift} of 127.0.0.1"):
            TCP.prepare(options, Linear(2, 2), 0, ranks, tmp_path)
        TCP.prepare(options, Linear(1, 4), 0, ranks, tmp_path)  # none on one machine


def test_nobody_restarts_with_a_machine_whose_launcher_was_killed(tmp_path):
    first, second = pair(tmp_path, "restart")
    with first:
        meet(first)
        second._link.terminate(0)
        with pytest.raises(NodeFailed, match="machine 1: its launcher has died"):
            first.settle(KILLED)


def test_the_last_word_of_a_launcher_that_has_left_counts(tmp_path, monkeypatch):
    """It was busy elsewhere, and finds a message and a broken connection at once."""
    monkeypatch.setattr(
        "decentralizepy.runs.machines.LONG_FAREWELL_MS", 1_000
    )  # nobody confirms it
    first, second = pair(tmp_path, "abort")
    with second:
        meet(second)
        second._tell(Ended())
    with first:
        while 2 not in first._link.lost:
            first._link._tick()
        assert first.settle(None) is None


def test_nobody_restarts_to_wait_for_a_machine_that_never_started(tmp_path):
    """It would wait until start_timeout again, as often as max_restarts says."""
    timed_out = NodeFailed("uid 0 (rank 0, machine 0) ended with exit status 3")
    timed_out.exit_status = 3
    with linked(tmp_path, 0, "restart", free_offset(2), Linear(2, 2)) as link:
        link.check(starting=True)
        with pytest.raises(NodeFailed, match="uid 0"):
            link.settle(timed_out)
        link.check(starting=False)  # with a firewall between launchers
        assert link.settle(timed_out) is None


def test_a_failure_because_of_peers_tells_what_other_machines_said(tmp_path):
    """Its nodes may have lost those of a machine that had lost others before."""
    first, second = pair(tmp_path, "abort")
    with first:
        meet(first)
        with contextlib.suppress(NodeFailed), second:
            raise KILLED
        lost = NodeFailed("uid 0 (rank 0, machine 0) ended with exit status 3")
        first.explain(lost)
        assert str(lost) == lost.cause  # a failure of its own
        lost.exit_status = 3
        while str(lost) == lost.cause:
            first.explain(lost)
        assert str(lost) == f"{lost.cause}\nmachine 1: {KILLED.cause}"
