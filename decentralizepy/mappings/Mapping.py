"""Base class of all mappings of nodes to machines."""

from abc import ABC, abstractmethod

from decentralizepy.errors import ConfigError


class Mapping(ABC):
    """Assign nodes to machines.

    A node is identified by its `uid`, 0 to n_procs - 1 over all machines, or by its
    machine and its `rank` there. A service, such as a parameter server, has a negative
    rank, which is also its uid.

    A subclass defines `get_uid` and `get_machine_and_rank`, and numbers machines from 0
    to n_machines - 1.

    Parameters
    ----------
    n_procs : int
        Number of nodes on all machines, without services.
    n_machines : int
        Number of machines, at least 1 (default).
    global_service_machine : int
        The machine that services run on; default 0.
    current_machine : int
        The machine that this process runs on; default 0.

    Raises
    ------
    ConfigError
        A machine is out of range, or there are no nodes.
    """

    def __init__(
        self,
        n_procs: int,
        n_machines: int = 1,
        global_service_machine: int = 0,
        current_machine: int = 0,
    ) -> None:
        if n_machines < 1 or n_procs < 1:
            raise ConfigError(
                f"a mapping has at least 1 machine and 1 process, not {n_machines}"
                f" machines and {n_procs} processes"
            )
        self.n_procs = n_procs
        self.n_machines = n_machines
        self._check_machine(global_service_machine)
        self._check_machine(current_machine)
        self.global_service_machine = global_service_machine
        self.current_machine = current_machine

    def get_n_procs(self) -> int:
        """Return the number of nodes on all machines, without services."""
        return self.n_procs

    @abstractmethod
    def get_uid(self, rank: int, machine_id: int) -> int:
        """Return the uid of a rank on a machine; a negative rank is its own uid."""

    @abstractmethod
    def get_machine_and_rank(self, uid: int) -> tuple[int, int]:
        """Return ``(rank, machine_id)`` of a node or service."""

    def get_local_procs_count(self) -> int:
        """Return the number of nodes on the current machine."""
        return self.get_procs_count(self.current_machine)

    def get_procs_count(self, machine_id: int) -> int:
        """Return the number of nodes on a machine."""
        self._check_machine(machine_id)
        nodes = range(self.n_procs)
        return sum(self.get_machine_and_rank(uid)[1] == machine_id for uid in nodes)

    def get_uids(self, machine_id: int) -> list[int]:
        """Return the uids of the nodes on a machine, by rank."""
        ranks = range(self.get_procs_count(machine_id))
        return [self.get_uid(rank, machine_id) for rank in ranks]

    def _check_machine(self, machine_id: int) -> None:
        if not 0 <= machine_id < self.n_machines:
            raise ConfigError(
                f"there is no machine {machine_id}: the {self.n_machines} machines"
                f" are 0 to {self.n_machines - 1}"
            )

    def _check_rank(self, rank: int, machine_id: int) -> None:
        count = self.get_procs_count(machine_id)
        if rank >= count:
            raise ConfigError(
                f"there is no rank {rank} on machine {machine_id}: it runs {count}"
                " processes, counted from 0"
            )

    def _check_uid(self, uid: int) -> None:
        if uid >= self.n_procs:
            raise ConfigError(
                f"there is no node {uid}: the {self.n_procs} nodes on"
                f" {self.n_machines} machines are 0 to {self.n_procs - 1}"
            )
