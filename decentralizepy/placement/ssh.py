"""Reaches agents on other machines over ssh: one connection carries everything."""

import json
import shlex
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from decentralizepy.errors import ConfigError, printable
from decentralizepy.placement.agent import Told

AGENT = [sys.executable, "-m", "decentralizepy.placement.agent"]
# ask for no password, and notice within half a minute that a host is gone
OPTIONS = ("BatchMode=yes", "ConnectTimeout=30", "ServerAliveInterval=10")
LEAVE_S = 20.0  # for an agent to end, which gives its launcher 10 s


class Ssh:
    """A connection to an agent on a host.

    Parameters
    ----------
    name : str
        ``[user@]host[:port]``.
    command : sequence of str
        The ssh command and its options.

    Raises
    ------
    ConfigError
        If that is no name of a host.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        host, _, port = name.rpartition(":")
        bare = name.count(":") != 1 and not name.startswith("[")  # also of IPv6
        if bare or not port.isdecimal():
            host, port = name, ""
        if not host or host.startswith("-") or host.split() != [host]:
            raise ConfigError(key="--hosts", value=name, expected="[USER@]HOST[:PORT]")
        host = host.replace("[", "").replace("]", "")
        options = [word for each in OPTIONS for word in ("-o", each)]
        options += ["-p", port] if port else []
        self._words = [*command, *options, "--", host, f"exec {shlex.join(AGENT)}"]
        self._process: subprocess.Popen[bytes] | None = None
        self._listener = threading.Thread()

    def start(self, tell: Any) -> None:
        """Start the agent; call ``tell`` with what it says.

        Raises
        ------
        ConfigError
            If there is no such ssh command.
        """
        try:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for the driver, which passes it on
            )
        except OSError as error:
            key, value = "--ssh", self._words[0]
            raise ConfigError(str(error.strerror), key=key, value=value) from None
        self._listener = threading.Thread(target=self._listen, args=[tell], daemon=True)
        self._listener.start()

    def _listen(self, tell: Any) -> None:
        process = self._process
        assert process
        assert process.stdout
        assert process.stderr
        errors: deque[str] = deque(maxlen=20)
        reader = threading.Thread(target=_collect, args=[process.stderr, errors])
        reader.start()
        for line in process.stdout:
            with suppress(ValueError):  # what a login shell prints
                told = json.loads(line)
                if isinstance(told, dict) and "kind" in told:
                    tell(told)
        reader.join()
        process.stdout.close()
        process.stderr.close()
        status = process.wait()
        last = errors[-1] if errors else f"ssh ended with status {status}"
        tell({"kind": "gone", "why": printable(last)})

    def send(self, told: Told) -> None:
        """Tell the agent something; nothing if it is gone."""
        if self._process and self._process.stdin:
            with suppress(OSError, ValueError):
                self._process.stdin.write(json.dumps(told).encode() + b"\n")
                self._process.stdin.flush()

    def close(self) -> None:
        """Let the agent end, and wait until it has."""
        if not self._process or not self._process.stdin:
            return
        with suppress(OSError, ValueError):
            self._process.stdin.close()
        try:
            self._process.wait(LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the host is out of reach, or its agent hangs
            self._process.wait()
        self._listener.join(LEAVE_S)


def _collect(lines: Any, kept: deque[str]) -> None:
    for line in lines:
        kept.append(line.decode(errors="replace").rstrip())
