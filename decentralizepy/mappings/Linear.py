"""Mapping with the same number of nodes on every machine."""

from decentralizepy.mappings.Mapping import Mapping


class Linear(Mapping):
    """Machine m runs nodes m * p to m * p + p - 1.

    Parameters
    ----------
    n_machines : int
        Number of machines, at least 1.
    procs_per_machine : int
        Nodes on each machine, p, at least 1.
    global_service_machine : int
        The machine that services run on; default 0.
    current_machine : int
        The machine that this process runs on; default 0.
    """

    def __init__(
        self,
        n_machines: int,
        procs_per_machine: int,
        global_service_machine: int = 0,
        current_machine: int = 0,
    ) -> None:
        super().__init__(
            n_machines * procs_per_machine,
            n_machines,
            global_service_machine,
            current_machine,
        )
        self.procs_per_machine = procs_per_machine

    def get_uid(self, rank: int, machine_id: int) -> int:
        """Return the uid of a rank on a machine; a negative rank is its own uid."""
        if rank < 0:
            return rank
        self._check_rank(rank, machine_id)
        return machine_id * self.procs_per_machine + rank

    def get_machine_and_rank(self, uid: int) -> tuple[int, int]:
        """Return ``(rank, machine_id)`` of a node or service."""
        if uid < 0:
            return uid, self.global_service_machine
        self._check_uid(uid)
        machine_id, rank = divmod(uid, self.procs_per_machine)
        return rank, machine_id

    def get_procs_count(self, machine_id: int) -> int:
        """Return the number of nodes on a machine."""
        self._check_machine(machine_id)
        return self.procs_per_machine
