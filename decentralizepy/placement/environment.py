"""Reads the variables with which torchrun, mpirun and srun tell a process its place."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from decentralizepy.errors import ConfigError
from decentralizepy.placement.boards import Board, Fixed, Folder, Store

Environ = Mapping[str, str]


class Found(NamedTuple):
    """What an environment says.

    Attributes
    ----------
    machine, machines : int
    local : int
        How many launchers were started on this host.
    run : str
        Identifies the run; empty if unknown.
    board : Board or None
        Where machine 0 is met; None if the environment does not say.
    names : str
        The variables, for messages.
    """

    machine: int
    machines: int
    local: int
    run: str
    board: Board | None
    names: str


def torchrun(environ: Environ) -> Found | None:
    """Return what torchrun, or what sets the same variables, says; None if nothing."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    if not all(environ.get(name) for name in names):
        return None
    host, port = environ["MASTER_ADDR"], _number(environ, "MASTER_PORT")
    if not 0 < port < 65536:
        raise ConfigError(f"MASTER_PORT={port} in the environment: expected a port")
    attempt = environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    run = f"{environ.get('TORCHELASTIC_RUN_ID', '')}.{attempt}"
    # then the port is taken, by the store of torchrun itself
    stored = environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    return Found(
        _number(environ, "RANK"),
        _number(environ, "WORLD_SIZE"),
        _number(environ, "LOCAL_WORLD_SIZE", 1),
        run,
        Store(host, port, run) if stored else Fixed(host, port),
        "RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT",
    )


def mpi(environ: Environ) -> Found | None:
    """Return what mpirun of Open MPI or MPICH says; None if nothing."""
    kinds = (
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE"),
        ("PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS"),
    )
    for rank, size, local in kinds:
        if environ.get(rank) and environ.get(size):
            run = environ.get("PMIX_NAMESPACE", "")
            return Found(
                _number(environ, rank),
                _number(environ, size),
                _number(environ, local, 1),
                run,
                Folder(run) if run else None,
                f"{rank}, {size}",
            )
    return None


def slurm(environ: Environ) -> Found | None:
    """Return what srun says; None outside a job step, as in a batch script."""
    if not environ.get("SLURM_STEP_ID") or not environ.get("SLURM_STEP_NUM_TASKS"):
        return None
    tasks = _number(environ, "SLURM_STEP_NUM_TASKS")
    ids = ("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT")
    run = ".".join(environ.get(name, "0") for name in ids)
    return Found(
        _number(environ, "SLURM_PROCID"),
        tasks,
        -(-tasks // _number(environ, "SLURM_STEP_NUM_NODES", tasks)),
        run,
        Folder(run),
        "SLURM_PROCID, SLURM_STEP_NUM_TASKS",
    )


READERS: dict[str, Callable[[Environ], Found | None]] = {
    "torchrun": torchrun,
    "mpi": mpi,
    "slurm": slurm,
}
# set for a process that was started by such a program, but not in a shell or batch script;
# the first counts, since torchrun and mpirun are themselves started in a Slurm job
STARTED = {
    "torchrun": "TORCHELASTIC_RUN_ID",
    "mpi": "OMPI_COMM_WORLD_RANK",
    "slurm": "SLURM_STEP_ID",
}
PROGRAMS = {"torchrun": "torchrun", "mpi": "mpirun", "slurm": "srun"}
ONE_EACH = {
    "torchrun": "--nproc-per-node 1",
    "mpi": "mpirun --map-by ppr:1:node",
    "slurm": "srun --ntasks-per-node=1",
}


def infer(asked: str, environ: Environ) -> tuple[str, Found] | None:
    """Return who started this process, and what it says; None if nobody did.

    Parameters
    ----------
    asked
        ``--placement``. If it is empty, variables count only where a program of
        ``STARTED`` has set them, not if a user has exported some.
    environ

    Raises
    ------
    ConfigError
        If they are not there although asked for, or contradict each other.
    """
    if asked == "local":
        return None
    started = [name for name, sign in STARTED.items() if environ.get(sign)]
    for kind in [asked] if asked else started:
        found = READERS[kind](environ)
        if found is None:
            raise ConfigError(
                "its variables are not set",
                key="--placement",
                value=kind,
                expected=f"a process that {PROGRAMS[kind]} has started",
            )
        _check(kind, found)
        return kind, found
    return None


def _check(kind: str, found: Found) -> None:
    """Raise a ConfigError for a place that cannot be."""
    if not 0 <= found.machine < found.machines:
        raise ConfigError(
            f"{found.names} say machine {found.machine} of {found.machines}",
            key="--placement",
            value=kind,
        )
    if found.local not in (1, found.machines):
        raise ConfigError(
            f"{found.local} launchers on one host: each starts -ps nodes itself",
            key="--placement",
            value=kind,
            expected=f"{ONE_EACH[kind]}; --placement local ignores the variables",
        )


def _number(environ: Environ, name: str, default: int | None = None) -> int:
    text = environ.get(name) or ("" if default is None else str(default))
    if not text.isdecimal():
        raise ConfigError(f"{name}={text} in the environment: expected a whole number")
    return int(text)
