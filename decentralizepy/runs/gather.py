"""Brings the results of all machines together in the folder of machine 0."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from decentralizepy.errors import NodeFailed, PeerError
from decentralizepy.files import shared_text
from decentralizepy.message import Message
from decentralizepy.runs import folders
from decentralizepy.runs.ended import GONE
from decentralizepy.runs.experiment import Experiment
from decentralizepy.runs.machines import Machines
from decentralizepy.runs.transfer import PIECE, Inbox, Piece, listed, pieces

LOG, WEIGHTS = "log", "weights"
LINES = "*results.jsonl"
EVERY_S = 2.0  # between two looks at what nodes have written
Places = dict[int, tuple[Path, int]]


class Gathering:
    """What a launcher does that has no part in this: nothing.

    Machines that were told of each other by an address file have folders of their own.

    Parameters
    ----------
    experiment : Experiment

    Attributes
    ----------
    sends : bool
        Whether machine 0 tests the mean model, and reports, in the name of this one.
    folders : list of Path
        The log folders of all machines that this one reports on.
    places : dict or None
        The folder and rank of each uid, on machine 0 of several.
    """

    sends = False
    places: Places | None = None

    def __init__(self, experiment: Experiment) -> None:
        self.folders = [Path(experiment.args.log_dir)]

    def poll(self) -> None:
        """Exchange what is new."""

    def finish(self) -> NodeFailed | None:
        """Wait until everything is exchanged; return an error if it is not."""
        return None

    def close(self) -> None:
        """Leave nothing behind that was only needed to find out which folders are shared."""


class Sender(Gathering):
    """Sends the files of this machine to machine 0, unless they share the folders.

    Results are sent while the nodes run, other files at the end. Machine 0 finds out which
    folders they share: it looks there for a file that this machine has written.

    Parameters
    ----------
    experiment, machines
    """

    sends = True

    def __init__(self, experiment: Experiment, machines: Machines) -> None:
        super().__init__(experiment)
        args, mapping = experiment.args, experiment.mapping
        uids = [mapping.get_uid(rank, args.machine_id) for rank in experiment.ranks]
        self._weights = tuple(f"_weight_{uid}.pt" for uid in uids)
        self._machines = machines
        self._own = {LOG: Path(args.log_dir), WEIGHTS: Path(args.weights_store_dir)}
        self._probes = [_probe(each, args.machine_id) for each in self._own.values()]
        self._wanted: list[str] | None = None  # until machine 0 has answered
        self._sent: dict[str, tuple[int, int]] = {}  # inode and bytes, by file
        self._next = 0.0
        machines.handlers["WANTED"] = self._answered
        token = secrets.token_hex(8)
        for probe in self._probes:
            probe.write_text(token)
        machines.send(0, {"CHANNEL": "SHARED", "TOKEN": token})

    def _answered(self, machine: int, message: Message) -> None:
        self._wanted = [each for each in self._own if each in message["FOLDERS"]]
        self.close()

    def poll(self) -> None:
        if LOG in (self._wanted or ()) and time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_S
            for path in sorted(self._own[LOG].glob(LINES)):
                for piece in self._news(path):
                    self._send(LOG, piece, grows=True)

    def _news(self, path: Path) -> Iterator[Piece]:
        """Yield what was appended to a file of results since it was last sent."""
        with suppress(FileNotFoundError), path.open("rb") as file:
            status = os.fstat(file.fileno())
            inode, offset = self._sent.get(path.name, (status.st_ino, 0))
            if inode != status.st_ino or status.st_size < offset:
                offset = 0  # it was written anew
            file.seek(offset)
            while data := file.read(PIECE):
                yield Piece(path.name, offset, data, last=False)
                offset += len(data)
            self._sent[path.name] = status.st_ino, offset

    def finish(self) -> NodeFailed | None:
        try:
            if self._machines.wait(lambda: [0] if self._wanted is None else []):
                raise PeerError(GONE)
            for kind in self._wanted or ():
                for piece in pieces(self._own[kind], self._files(kind)):
                    self._send(kind, piece)
            self._machines.send(0, {"CHANNEL": "GATHERED"})
        except PeerError:
            return _failure(f"machine 0: {GONE}; results are in {self._own[LOG]}")
        return None

    def _files(self, kind: str) -> list[str]:
        names = listed(self._own[kind])
        if kind == LOG:
            inside = self._own[WEIGHTS]  # by default another folder, which all share
            return [each for each in names if (self._own[LOG] / each).parent != inside]
        return [each for each in names if each.endswith(self._weights)]

    def _send(self, kind: str, piece: Piece, grows: bool = False) -> None:
        message = {
            "CHANNEL": "FILE",
            "FOLDER": kind,
            "NAME": piece.name,
            "OFFSET": piece.offset,
            "DATA": np.frombuffer(piece.data, np.uint8),
            "LAST": piece.last,
            "GROWS": grows,
        }
        self._machines.send(0, message)

    def close(self) -> None:
        for probe in self._probes:
            probe.unlink(missing_ok=True)


class Collector(Gathering):
    """Receives the files of the other machines on machine 0.

    Parameters
    ----------
    experiment, machines
    """

    def __init__(self, experiment: Experiment, machines: Machines) -> None:
        super().__init__(experiment)
        self._experiment, self._machines = experiment, machines
        args = experiment.args
        whole = Path(args.log_dir).parent
        self.folders = [whole / f"machine{each}" for each in range(args.machines)]
        self.places = self._found_places()
        self._left = set(range(1, args.machines))
        self._inboxes: dict[tuple[int, str], Inbox] = {}
        machines.handlers["SHARED"] = self._look
        machines.handlers["FILE"] = self._take
        machines.handlers["GATHERED"] = self._end

    def _found_places(self) -> Places:
        mapping, args = self._experiment.mapping, self._experiment.args
        places: Places = {}
        if self._experiment.service_class:
            folder = self.folders[args.server_machine]
            places[args.server_rank] = folder, args.server_rank
        for uid in range(mapping.get_n_procs()):
            rank, machine = mapping.get_machine_and_rank(uid)
            places[uid] = self.folders[machine], rank
        return places

    def _look(self, machine: int, message: Message) -> None:
        """Find out which folders a machine shares with this one."""
        args = self._experiment.args
        here = {LOG: self.folders[machine], WEIGHTS: Path(args.weights_store_dir)}
        wanted = []
        for kind, folder in here.items():
            if shared_text(_probe(folder, machine)) != message["TOKEN"]:
                wanted.append(kind)
                self._inboxes[machine, kind] = Inbox(folder)
        if LOG in wanted:
            folders.make("--log_dir", here[LOG])
            if not args.resume:
                ranks = range(self._experiment.mapping.get_procs_count(machine))
                folders.clear(here[LOG], ranks, args.overwrite)
        self._machines.send(machine, {"CHANNEL": "WANTED", "FOLDERS": wanted})

    def _take(self, machine: int, message: Message) -> None:
        inbox = self._inboxes.get((machine, message["FOLDER"]))
        if inbox is None:
            raise PeerError(f"machine {machine} sent a file that nobody has asked for")
        name, data = message["NAME"], message["DATA"].tobytes()
        piece = Piece(name, message["OFFSET"], data, message["LAST"])
        if message["GROWS"]:
            inbox.append(piece)
        else:
            inbox.take(piece)

    def _end(self, machine: int, message: Message) -> None:
        self._left.discard(machine)

    def finish(self) -> NodeFailed | None:
        if missing := self._machines.wait(lambda: self._left):
            named = ", ".join(map(str, missing))
            return _failure(f"machine {named}: not all results have come; {GONE}")
        return None


@contextmanager
def begun(experiment: Experiment, machines: Machines) -> Iterator[Gathering]:
    """Yield this machine's part, once its folders exist."""
    kind = Sender if experiment.args.machine_id else Collector
    together = experiment.launchers and experiment.args.machines > 1
    made = kind(experiment, machines) if together else Gathering(experiment)
    try:
        yield made
    finally:
        made.close()


def _probe(folder: Path, machine: int) -> Path:
    return folder / f".probe{machine}"


def _failure(cause: str) -> NodeFailed:
    error = NodeFailed(cause)
    error.exit_status = PeerError.exit_status
    return error
