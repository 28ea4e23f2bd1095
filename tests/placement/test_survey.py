"""Breaks when a machine that cannot be reached, or runs something else, is not named."""

import queue
import socket
import socketserver
import struct
import threading

import pytest

from decentralizepy.commands import check
from decentralizepy.commands.survey import table
from decentralizepy.errors import ConfigError
from decentralizepy.placement import survey
from decentralizepy.placement.boards import Fixed
from decentralizepy.placement.place import Place, Plan, host_name
from decentralizepy.placement.placed import join
from decentralizepy.placement.survey import Survey
from decentralizepy.placement.ways import Way, answering, measure
from tests.support import LIMIT_S
from tests.support.ports import free_offset

COUNT = 3
HERE = "127.0.0.1"


def named(machine):
    return f"machine {machine} ({host_name()})"


@pytest.fixture
def surveyed():
    """Return a function that surveys three machines in threads; their facts are given.

    Of ``deaf`` ones the address is one at which nobody listens.
    """

    def surveyed(facts, deaf=()):
        board, told = Fixed(HERE, free_offset(1)), queue.Queue()

        def launch(machine):
            try:
                with join(Place(board, COUNT, machine), Plan(limit=LIMIT_S)) as agent:
                    role = survey._follow if machine else survey._lead
                    port = free_offset(1)
                    with answering(HERE, port):
                        away = free_offset(1) if machine in deaf else port
                        found = role(agent, f"{HERE}:{away}", facts[machine])
                told.put((machine, found))
            except BaseException as error:
                told.put((machine, error))

        for machine in range(COUNT):
            threading.Thread(target=launch, args=[machine], daemon=True).start()
        found = dict(told.get(timeout=LIMIT_S) for _ in range(COUNT))
        return [found[machine] for machine in range(COUNT)]

    return surveyed


def test_every_way_is_measured_once_and_the_first_machine_knows_all(surveyed):
    first, *others = surveyed([{"python": "3.11"}] * COUNT)
    assert others == [Survey([])] * 2
    assert (first.problems, first.warnings) == ([], [])
    pairs = {
        (machine, way.to) for machine in range(COUNT) for way in first.ways[machine]
    }
    assert pairs == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}
    ways = [way for outward in first.ways.values() for way in outward]
    assert all(way.round_trip > 0 and way.rate > 0 for way in ways)


def test_a_machine_that_is_not_reached_is_named_on_all(surveyed):
    found = surveyed([{}] * COUNT, deaf=[2])
    for each in found:
        assert len(each.problems) == 2
        for machine in (0, 1):
            start = f"{named(machine)} does not reach {named(2)} at {HERE}:"
            line = each.problems[machine]
            assert line.startswith(start)
            assert line.endswith(": Connection refused")


def test_what_differs_is_said_of_versions_as_a_warning(surveyed):
    """Other versions work, perhaps not to the same bit; another source does not."""
    one = {"python": "3.11", "torch": "2.13", "digest of plug-ins": "a"}
    found = surveyed([one, one, {**one, "python": "3.12", "digest of plug-ins": "b"}])
    problem = f"{named(2)}: digest of plug-ins = b, but a on {named(0)}"
    assert [each.problems for each in found] == [[problem]] * COUNT
    assert found[0].warnings == [f"{named(2)}: python = 3.12, but 3.11 on {named(0)}"]


class Late(socketserver.StreamRequestHandler):
    """Answers as a machine whose clock shows the year 2100."""

    def handle(self):
        while head := self.rfile.read(8):
            self.rfile.read(*struct.unpack("!Q", head))
            self.wfile.write(struct.pack("!d", 4_102_444_800.0))


def test_a_clock_that_is_ahead_is_told():
    with socketserver.ThreadingTCPServer((HERE, 0), Late) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        way = measure(1, f"{HERE}:{server.server_address[1]}")
        server.shutdown()
    assert way.failure == ""
    assert way.ahead > 86_400


def test_a_machine_that_hangs_up_is_not_reached():
    with socket.create_server((HERE, 0)) as server:

        def hang_up():
            server.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert measure(1, f"{HERE}:{server.getsockname()[1]}").failure


def test_the_table_has_a_row_and_a_column_per_machine():
    way = Way(to=1, address="", round_trip=0.00025, rate=3 * 2**20, ahead=-0.5)
    shut = Way(to=0, address="", failure="timed out")
    names = {0: "machine 0 (a)", 1: "machine 1 (b)"}
    made = table(Survey(["x"], names=names, ways={0: [way], 1: [shut]}))
    rows = [*zip(*(column.cells for column in made.columns), strict=True)]
    assert rows == [
        ("machine 0 (a)", "", "0.25 ms\n3.00 MiB/s", ""),
        ("machine 1 (b)", "blocked", "", "-500.0 ms"),
    ]
    assert [column.header for column in made.columns] == [
        "from",
        "to 0",
        "to 1",
        "clock",
    ]


def test_without_a_rendezvous_there_is_no_network(experiment, capsys):
    words = experiment()
    assert check.main([words[words.index("-cf") + 1], "--network"]) == 2
    assert capsys.readouterr().err == (
        "--network: expected --rendezvous HOST:PORT --machines N as well, on each machine\n"
    )
    with pytest.raises(ConfigError):
        survey.survey({"rendezvous": "here:5", "machines": 1})
