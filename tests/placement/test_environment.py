"""Breaks when torchrun's or mpirun's variables are misread, or trap a run on one machine."""

import socket
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from decentralizepy.errors import AddressError, ConfigError
from decentralizepy.placement import boards
from decentralizepy.placement.boards import Folder, Store, own_hosts
from decentralizepy.placement.find import find
from tests.support.ports import free_offset

EXPORTED = {
    "RANK": "1",
    "WORLD_SIZE": "3",
    "MASTER_ADDR": "10.0.0.1",
    "MASTER_PORT": "29500",
}
TORCHRUN = {
    **EXPORTED,
    "LOCAL_WORLD_SIZE": "1",
    "TORCHELASTIC_RUN_ID": "r1",
    "TORCHELASTIC_RESTART_COUNT": "2",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}
OPEN_MPI = {
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "3",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "1",
    "PMIX_NAMESPACE": "1234",
}
MPICH = {"PMI_RANK": "1", "PMI_SIZE": "3", "MPI_LOCALNRANKS": "3"}
BATCH = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "3", "SLURM_PROCID": "0"}
STEP = {
    **BATCH,
    "SLURM_PROCID": "1",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NUM_NODES": "3",
}
RENDEZVOUS = {"rendezvous": "here:29400"}


@pytest.mark.parametrize(
    ("environ", "chosen", "board", "run"),
    [
        (TORCHRUN, {}, "10.0.0.1 (torchrun's store)", "r1.2"),
        (EXPORTED, {"placement": "torchrun"}, "10.0.0.1:29500", ".0"),
        (OPEN_MPI, {}, None, "1234"),
        (OPEN_MPI, RENDEZVOUS, "here:29400", "1234"),
        (STEP, {}, None, "7.0.0"),
        ({**STEP, "SLURM_RESTART_COUNT": "2"}, {}, None, "7.0.2"),
        ({**STEP, **OPEN_MPI}, {}, None, "1234"),
        (MPICH, {"placement": "mpi", **RENDEZVOUS}, "here:29400", ""),
        (
            {**OPEN_MPI, **TORCHRUN},
            {"machines": 3},
            "10.0.0.1 (torchrun's store)",
            "r1.2",
        ),
    ],
)
def test_the_place_is_that_of_the_process(environ, chosen, board, run):
    place = find(chosen, environ)
    assert (place.machine, place.machines, place.run) == (1, 3, run)
    folder = Path.cwd() / f".rendezvous-{run.replace('.', '-')}.json"
    assert str(place.board) == str(board or folder)


@pytest.mark.parametrize(
    ("environ", "chosen"),
    [
        (EXPORTED, {}),  # inherited from a shell
        (MPICH, {}),
        (BATCH, {}),  # in a batch script, outside any step
        (TORCHRUN, {"placement": "local"}),
        (TORCHRUN, {"machine_id": 0, "machines": 2}),  # by hand, as ever
        ({**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0"}, {}),
    ],
)
def test_variables_do_not_trap_a_run_that_does_not_ask_for_them(environ, chosen):
    assert find(chosen, environ) is None


@pytest.mark.parametrize(
    ("environ", "chosen", "line"),
    [
        ({}, {"placement": "torchrun"}, "--placement torchrun: its variables are not"),
        (
            MPICH,
            {"placement": "mpi"},
            "--placement mpi: expected --rendezvous HOST:PORT",
        ),
        (TORCHRUN, {"machines": 4}, "--machines 4: torchrun says 3 (RANK, WORLD_SIZE,"),
        (
            {**OPEN_MPI, "OMPI_COMM_WORLD_LOCAL_SIZE": "2"},
            {},
            "--placement mpi: 2 launchers on one host: each starts -ps nodes itself; "
            "expected mpirun --map-by ppr:1:node",
        ),
        (BATCH, {"placement": "slurm"}, "--placement slurm: its variables are not set"),
        (
            {**STEP, "SLURM_STEP_NUM_TASKS": "6"},
            {},
            "--placement slurm: 2 launchers on one host: each starts -ps nodes itself; "
            "expected srun --ntasks-per-node=1",
        ),
        ({**TORCHRUN, "RANK": "x"}, {}, "RANK=x in the environment: expected a whole"),
        (
            {**TORCHRUN, "MASTER_PORT": "65536"},
            {},
            "MASTER_PORT=65536 in the environment: expected a port",
        ),
        (
            {**STEP, "SLURM_PROCID": ""},
            {},
            "SLURM_PROCID= in the environment: expected a whole number",
        ),
        ({**TORCHRUN, "RANK": "3"}, {}, "--placement torchrun: RANK, WORLD_SIZE, "),
    ],
)
def test_variables_that_cannot_be(environ, chosen, line):
    with pytest.raises(ConfigError) as error:
        find(chosen, environ)
    assert str(error.value).startswith(line)


def test_the_store_of_torchrun_tells_the_port_of_machine_0():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    board = Store("127.0.0.1", port, "r1.0")
    master = TCPStore("127.0.0.1", port, is_master=True, wait_for_workers=False)
    assert board.find() == []
    with board.listen() as server:
        assert board.find() == [("127.0.0.1", server.getsockname()[1])]
        assert Store("127.0.0.1", port, "r1.1").find() == []  # restarted
    del master


@pytest.fixture
def names(monkeypatch):
    """Return a function that gives every host name some addresses."""

    def names(*hosts):
        def resolve(name, port, type):
            families = [socket.AF_INET6 if ":" in h else socket.AF_INET for h in hosts]
            pairs = zip(families, hosts, strict=True)
            return [(family, type, 6, "", (host, port)) for family, host in pairs]

        monkeypatch.setattr(boards.socket, "getaddrinfo", resolve)

    return names


def test_a_name_with_several_addresses_is_met_at_all_of_them(names):
    """Of the first interface, others may know nothing; IPv4 is tried first."""
    names("fd00::5", "198.51.100.7", "127.0.0.1")
    port = free_offset(1)
    board = boards.Fixed("node-a", port)
    found = [("198.51.100.7", port), ("127.0.0.1", port), ("fd00::5", port)]
    assert board.find() == found
    with board.listen(), socket.socket() as other:
        other.connect(("127.0.0.2", port))  # not one of the three


def test_an_address_is_listened_at_alone():
    port = free_offset(1)
    with boards.Fixed("127.0.0.1", port).listen() as server:
        assert server.getsockname() == ("127.0.0.1", port)


def test_a_name_of_another_machine_is_not_listened_at(names):
    names("198.51.100.7", "203.0.113.9")
    board = boards.Fixed("node-b", free_offset(1))
    assert board.try_listen() is None
    with pytest.raises(AddressError, match="this machine cannot listen there"):
        board.listen()


def test_a_shared_folder_tells_all_addresses_of_machine_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    board = Folder("job@1.2")
    assert board.find() == []
    with board.listen() as server:
        port = server.getsockname()[1]
        assert board.find() == [(host, port) for host in own_hosts()]
        assert Folder("job@1.3").find() == []
    board.clear()
    assert [*tmp_path.iterdir()] == []
