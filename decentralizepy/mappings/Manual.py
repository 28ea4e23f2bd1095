"""Mapping with a given number of nodes on each machine."""

from bisect import bisect_right
from itertools import accumulate

from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Mapping import Mapping


class Manual(Mapping):
    """Number the nodes machine by machine.

    Parameters
    ----------
    n_machines : int
        Number of machines, at least 1.
    procs_per_machine : list of int
        Nodes on each machine, one entry per machine. An entry can be 0, for a machine
        that runs only a service.
    global_service_machine : int
        The machine that services run on; default 0.
    current_machine : int
        The machine that this process runs on; default 0.

    Raises
    ------
    ConfigError
        If the list does not have one entry per machine, or has a negative one.
    """

    def __init__(
        self,
        n_machines: int,
        procs_per_machine: list[int],
        global_service_machine: int = 0,
        current_machine: int = 0,
    ) -> None:
        counts = list(procs_per_machine)
        if len(counts) != n_machines or any(count < 0 for count in counts):
            raise ConfigError(
                f"procs_per_machine {counts}: expected {n_machines} numbers"
                " of processes, one for each machine, none of them negative"
            )
        super().__init__(
            sum(counts), n_machines, global_service_machine, current_machine
        )
        self.procs_per_machine = counts
        self._first_uids = [0, *accumulate(counts)]

    def get_uid(self, rank: int, machine_id: int) -> int:
        """Return the uid of a rank on a machine; a negative rank is its own uid."""
        if rank < 0:
            return rank
        self._check_rank(rank, machine_id)
        return self._first_uids[machine_id] + rank

    def get_machine_and_rank(self, uid: int) -> tuple[int, int]:
        """Return ``(rank, machine_id)`` of a node or service."""
        if uid < 0:
            return uid, self.global_service_machine
        self._check_uid(uid)
        machine_id = bisect_right(self._first_uids, uid) - 1
        return uid - self._first_uids[machine_id], machine_id

    def get_procs_count(self, machine_id: int) -> int:
        """Return the number of nodes on a machine."""
        self._check_machine(machine_id)
        return self.procs_per_machine[machine_id]
