"""Breaks when launchers do not find each other, or one is left behind when another fails."""

import contextlib
import queue
import re
import socket
import threading

import pytest

from decentralizepy.errors import AddressError, ConfigError, PeerError, PeerTimeout
from decentralizepy.placement.boards import Fixed
from decentralizepy.placement.guest import connect
from decentralizepy.placement.messages import Join
from decentralizepy.placement.place import Place, Plan, host_name
from decentralizepy.placement.placed import join
from decentralizepy.placement.waiting import Waiting
from tests.support import LIMIT_S
from tests.support.ports import free_offset

COUNT = 3
HOST = host_name()
OWN = Plan((2,), "runs/x", "runs/x/weights", LIMIT_S)
OTHER = Plan((2,), "elsewhere", "elsewhere/weights", LIMIT_S)


@pytest.fixture
def board():
    return Fixed("127.0.0.1", free_offset(1))


def places(board, machines=(0, 1, 2), **fields):
    return [Place(board, COUNT, machine, **fields) for machine in machines]


def nothing(agent):
    """Say nothing about what is to be run."""
    return {}


@pytest.fixture
def meet():
    """Return a function that runs launchers in threads, and what became of each.

    That is the machine's number, the addresses of all, and the log folder; or an error.
    """

    def meet(places, facts=(), plans=()):
        told = queue.Queue()
        facts = [*facts, *[nothing] * (len(places) - len(facts))]
        plans = [*plans, *[OWN] * (len(places) - len(plans))]

        def launch(number):
            try:
                with join(places[number], plans[number]) as agent:
                    address = f"{agent.host}:{2 * (agent.machine + 1)}000"
                    found = agent.meet(address, facts[number](agent))
                    told.put((number, (agent.machine, found, agent.log_dir)))
            except BaseException as error:
                told.put((number, error))

        for number in range(len(places)):
            threading.Thread(target=launch, args=[number], daemon=True).start()
        ended = dict(told.get(timeout=LIMIT_S) for _ in places)
        return [ended[number] for number in range(len(places))]

    return meet


ALL = {str(machine): f"127.0.0.1:{2 * (machine + 1)}000" for machine in range(COUNT)}


def test_all_machines_get_the_addresses_of_all_and_the_folder_of_machine_0(board, meet):
    told = meet(places(board), plans=[OWN, OTHER, OTHER])
    assert told == [(machine, ALL, "runs/x") for machine in range(COUNT)]


def test_machines_without_numbers_get_one_each(board, meet):
    told = meet(places(board, machines=(None,) * COUNT))
    assert sorted(told) == [(machine, ALL, "runs/x") for machine in range(COUNT)]


def test_two_machines_of_one_number_end_all(board, meet):
    """Which of them comes first is open, and so is whether machine 2 comes at all."""
    told = meet(places(board, machines=(0, 1, 1)))
    line = f"{HOST} and {HOST} both say that they are machine 1"
    assert [str(each) for each in told] == [line] * COUNT
    assert {type(each) for each in told} == {ConfigError}


@pytest.mark.parametrize(
    ("machine", "machines", "line"),
    [
        (
            1,
            4,
            f"machine 1 ({HOST}) was told of 4 machines, but machine 0 ({HOST}) of 3",
        ),
        (5, 3, f"{HOST} says that it is machine 5; expected a number below 3, since"),
    ],
)
def test_a_machine_that_does_not_fit_ends_all(board, meet, machine, machines, line):
    told = meet([Place(board, COUNT, 0), Place(board, machines, machine)])
    assert all(str(each).startswith(line) for each in told), told
    assert {each.exit_status for each in told} == {2}


@pytest.mark.slow
def test_a_launcher_of_another_run_is_sent_away_alone(board, meet):
    stray = Place(board, COUNT, 1, run="old")
    brief = OWN._replace(limit=5.0)
    told = meet([*places(board, run="new"), stray], plans=[OWN, OWN, OWN, brief])
    assert [each[0] for each in told[:COUNT]] == [0, 1, 2]
    # unless it comes too late to meet anybody
    assert isinstance(told[-1], ConfigError | PeerError)


def test_machines_that_run_different_things_say_what_differs(board, meet):
    def fast(agent):
        return {"[OPTIMIZER_PARAMS] lr": "0.5", "[SHARING] alpha": "1"}

    def slow(agent):
        return {"[OPTIMIZER_PARAMS] lr": "0.1"}

    told = meet(places(board), [fast, fast, slow])
    line = f"machine 2 ({HOST}): [OPTIMIZER_PARAMS] lr = 0.1, but 0.5 on machine 0 ({HOST})"
    assert [str(each) for each in told] == [line] * COUNT
    assert {each.exit_status for each in told} == {2}


@pytest.mark.parametrize("machine", [0, 2])
def test_a_mistake_on_one_machine_is_told_on_all(board, meet, machine):
    def wrong(agent):
        if agent.machine == machine:
            raise ConfigError("run.ini: no such file")
        return {}

    told = [str(each) for each in meet(places(board), [wrong] * COUNT)]
    line = "run.ini: no such file"
    named = f"machine {machine} ({HOST}): {line}"
    assert told == [line if each == machine else named for each in range(COUNT)]


@pytest.mark.parametrize("machine", [0, 2])
def test_the_death_of_a_launcher_ends_all(board, meet, machine):
    """Its sockets are closed without a word, as the kernel does."""
    name = "machine 0" if machine == 0 else f"machine 2 ({HOST})"

    def dying(agent):
        if agent.machine == machine:
            ends = [agent.line] if machine else agent._lines
            for line in ends:
                line.socket.shutdown(socket.SHUT_RDWR)
            raise RuntimeError
        return {}

    told = meet(places(board), [dying] * COUNT)
    line = f"{name}: its launcher has died, or cannot be reached any more"
    left = [each for number, each in enumerate(told) if number != machine]
    assert [str(each) for each in left] == [line] * 2
    assert {each.exit_status for each in left} == {3}


def test_a_machine_that_never_comes_ends_those_that_wait(board, meet, monkeypatch):
    class Hours(Waiting):
        """They pass once machine 1 has come."""

        def show(self, text):
            if text.startswith("4 of 6 nodes"):
                self.since -= 3600
            super().show(text)

    monkeypatch.setattr("decentralizepy.placement.host.Waiting", Hours)
    told = meet(places(board)[:2])
    line = r"4 of 6 nodes, waiting for machine 2 \(since 3\d+ s\): \[FAULTS\] start_timeout"
    assert re.match(line, str(told[0]))
    assert str(told[1]) == f"machine 0 ({HOST}): {told[0]}"
    assert [type(each) for each in told] == [PeerTimeout, PeerError]


def test_machine_0_is_not_waited_for_without_end_or_a_word(
    board, meet, monkeypatch, capsys
):
    monkeypatch.setattr("decentralizepy.placement.guest.AGAIN_S", 0.0)
    (error,) = meet(places(board)[1:2], plans=[OWN._replace(limit=0.5)])
    assert isinstance(error, PeerTimeout)
    cause = "Connection refused"
    assert str(error) == f"machine 0 was not met at {board} within 0.5 s: {cause}"
    line = f"waiting for machine 0 at {board}: {cause} (since "
    assert capsys.readouterr().err.startswith(line)


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", b'{"kind": "go"}\n', b"\xff\n", b"silence"]
)
def test_strangers_at_the_port_do_no_harm(board, meet, said):
    with contextlib.ExitStack() as strangers:

        def disturb(agent):
            if agent.machine == 0:
                address = board.host, board.port
                stranger = strangers.enter_context(socket.create_connection(address))
                stranger.sendall(said)
            return {}

        told = meet(places(board), [disturb] * COUNT)
    assert [each[0] for each in told] == [0, 1, 2]


def test_a_port_that_is_taken_is_said_by_machine_0(board):
    taken = socket.create_server(("127.0.0.1", board.port))
    line = f"--rendezvous 127.0.0.1:{board.port}: "
    with taken, pytest.raises(AddressError, match=line):
        join(Place(board, COUNT, 0), OWN)


@pytest.mark.parametrize("machine", [1, None])
def test_another_program_at_the_port_is_told_from_a_launcher(board, machine):
    """Whoever has no number takes it for machine 0."""

    def answer(server):
        with server.accept()[0] as connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            while connection.recv(1024):  # else what is not read would reset the line
                pass

    with socket.create_server((board.host, board.port)) as server:
        thread = threading.Thread(target=answer, args=[server], daemon=True)
        thread.start()
        with pytest.raises(PeerError, match="machine 0: what answers there is no laun"):
            join(Place(board, COUNT, machine), OWN)
        thread.join(LIMIT_S)


@pytest.mark.parametrize("machine", [0, 1, None])
def test_a_host_that_does_not_resolve_is_said_at_once(machine):
    board = Fixed("no.such.host.invalid", 29400)
    line = "the name 'no.such.host.invalid' does not resolve"
    with pytest.raises(AddressError, match=line):
        join(Place(board, COUNT, machine), OWN)


def test_what_another_launcher_says_cannot_garble_the_terminal(board):
    """Its host name and its error are text from the network."""
    told = queue.Queue()

    def host():
        try:
            join(Place(board, 2, 0), OWN)
        except ConfigError as error:
            told.put(str(error))

    threading.Thread(target=host, daemon=True).start()
    line = connect(board, LIMIT_S)
    line.send(Join(run="", machine=7, machines=2, host="\x1b[2J" + "x" * 90))
    assert "\x1b" not in told.get(timeout=LIMIT_S)
    line.close(0)


def test_a_launcher_that_is_stopped_while_others_wait_ends_them(board, meet):
    """As by Ctrl-C: nothing that the user of another machine has to mend."""

    class Stopped(BaseException):
        exit_status = 130

    def stopped(agent):
        if agent.machine == 1:
            raise Stopped("stopped by Ctrl-C")
        return {}

    told = meet(places(board), [stopped] * COUNT)
    line = f"machine 1 ({HOST}): stopped by Ctrl-C"
    assert [str(told[0]), str(told[2])] == [line, line]
    assert {type(told[0]), type(told[2])} == {PeerError}
