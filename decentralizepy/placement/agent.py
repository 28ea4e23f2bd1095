"""Keeps a launcher on another machine: starts it, and ends it with its connection."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from decentralizepy.files import shared_text
from decentralizepy.placement.boards import Folder
from decentralizepy.runs.signals import end_with_parent
from decentralizepy.runs.source import of_package
from decentralizepy.runs.transfer import Inbox, Piece, listed, pieces

STOP_S = 10.0  # for a launcher that is asked to stop; it gives its nodes 3.5 s
LOOK_S = 0.1
Told = dict[str, Any]


class Agent:
    """Does what the other end of ``incoming`` says, until that is closed.

    Both ends say one JSON object per line. Its ``kind`` is the name of a method here.

    Parameters
    ----------
    incoming, outgoing : binary file
    """

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._speaking = threading.Lock()
        self._scratch = Path(tempfile.mkdtemp(prefix="decentralizepy-agent-"))
        self._folder = self._scratch / "files"  # where the launcher runs
        self._board = Folder("", self._scratch)
        self._inbox = Inbox(self._folder, hidden=True)
        self._launcher: subprocess.Popen[bytes] | None = None
        self._is_spent = True  # whether nothing is lost with the scratch folder

    def run(self) -> None:
        """Serve the other end until it is gone."""
        own = {"digest": f"{of_package():016x}", "folder": str(self._scratch)}
        self._tell("hello", host=socket.gethostname(), **own)
        try:
            for line in self._incoming:
                told = json.loads(line)
                getattr(self, f"do_{told.pop('kind')}")(**told)
        finally:
            self._end()
            if self._is_spent:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def do_look(self, folder: str, probe: str, token: str) -> None:
        """Find out whether a folder is the one that the other end sees."""
        if shared_text(Path(folder, probe)) == token:
            self._folder = Path(folder)
        self._tell("looked", shared=self._folder == Path(folder))

    def do_file(self, name: str, offset: int, data: str, last: bool) -> None:
        """Take a part of a file that the launcher needs."""
        self._inbox.take(Piece(name, offset, base64.b64decode(data), last))

    def do_confirm(self) -> None:
        """Confirm that all files so far have been written."""
        self._tell("confirmed")

    def do_start(self, words: list[str], machine: int, machines: int, at: str) -> None:
        """Start the launcher in the folder ``at`` of the files."""
        cwd = self._folder / at
        cwd.mkdir(parents=True, exist_ok=True)
        meeting = ["--rendezvous", f"{self._scratch}/", "--machines", str(machines)]
        command = [sys.executable, "-m", "decentralizepy", "run", *words, *meeting]
        self._launcher = subprocess.Popen(
            [*command, "--machine_id", str(machine)],
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=end_with_parent,  # there are no threads yet
        )
        self._is_spent = self._folder != self._inbox.folder
        out, err = self._launcher.stdout, self._launcher.stderr
        readers = [self._thread(self._pass_on, "out", out)]
        readers += [self._thread(self._pass_on, "error", err)]
        self._thread(self._report, readers)
        if machine == 0:
            self._thread(self._announce)

    def do_board(self, text: str) -> None:
        """Tell the launcher where machine 0 is."""
        self._board.write(text)

    def do_signal(self, number: int) -> None:
        """Pass a signal on to the launcher."""
        if self._launcher:
            self._launcher.send_signal(number)

    def do_fetch(self, folder: str) -> None:
        """Send all files in ``folder``, below the one where the launcher ran."""
        place = self._folder / folder
        for piece in pieces(place, listed(place)):
            data = base64.b64encode(piece.data).decode()
            self._tell("file", **{**piece._asdict(), "data": data})
        self._tell("fetched")

    def do_forget(self) -> None:
        """Let the scratch folder be removed, since the other end has all files."""
        self._is_spent = True

    def _thread(self, act: Any, *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=act, args=arguments, daemon=True)
        thread.start()
        return thread

    def _pass_on(self, kind: str, lines: IO[bytes]) -> None:
        for line in lines:
            self._tell(kind, text=line.decode(errors="replace").rstrip("\n"))

    def _report(self, readers: list[threading.Thread]) -> None:
        assert self._launcher is not None
        status = self._launcher.wait()
        for reader in readers:
            reader.join()
        self._tell("ended", status=status if status >= 0 else 128 - status)

    def _announce(self) -> None:
        """Tell where the launcher of machine 0 is met, once it listens there."""
        assert self._launcher is not None
        while self._launcher.poll() is None:
            if text := self._board.text():
                self._tell("board", text=text)
                return
            time.sleep(LOOK_S)

    def _tell(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"kind": kind, **fields}).encode() + b"\n"
        with self._speaking, suppress(OSError):  # the reader notices that it is gone
            self._outgoing.write(line)
            self._outgoing.flush()

    def _end(self) -> None:
        if self._launcher and self._launcher.poll() is None:
            self._launcher.terminate()
            try:
                self._launcher.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._launcher.kill()  # its nodes end with it
                self._launcher.wait()


if __name__ == "__main__":
    Agent(sys.stdin.buffer, sys.stdout.buffer).run()
