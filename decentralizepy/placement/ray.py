"""Reaches agents on the nodes of a Ray cluster, one actor on each."""

import importlib.util
import json
import os
import queue
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from decentralizepy.errors import ConfigError, one_line, printable
from decentralizepy.placement.agent import Told
from decentralizepy.placement.ssh import AGENT, LEAVE_S

WAIT_S, READY_S = 1.0, 120.0


class Keeper:
    """The actor: passes lines to and from an agent, which ends with it.

    The agent is a process of its own, since a launcher forks, which a process with the
    threads of Ray must not.
    """

    def __init__(self) -> None:
        # Ray sets it to the CPUs of an actor, which are not those of the nodes
        environ = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
        self._agent = subprocess.Popen(
            AGENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._agent.stdout
        for line in self._agent.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def receive(self) -> list[bytes | None]:
        """Return what the agent has said, and None if it has ended."""
        found = []
        with suppress(queue.Empty):
            found.append(self._lines.get(timeout=WAIT_S))
            while True:
                found.append(self._lines.get_nowait())
        return found

    def send(self, line: bytes) -> None:
        """Tell the agent something."""
        assert self._agent.stdin
        with suppress(OSError, ValueError):
            self._agent.stdin.write(line)
            self._agent.stdin.flush()

    def close(self) -> None:
        """Let the agent end, and wait until it has."""
        assert self._agent.stdin
        with suppress(OSError):
            self._agent.stdin.close()
        self._agent.wait(LEAVE_S)


class Actor:
    """A connection by way of an actor; see :class:`~decentralizepy.placement.crew`."""

    def __init__(self, ray: Any, actor: Any, number: int) -> None:
        self._ray, self._actor, self.name = ray, actor, f"of Ray's bundle {number}"

    def start(self, tell: Any) -> None:
        """Call ``tell`` with what the agent says."""
        threading.Thread(target=self._listen, args=[tell], daemon=True).start()

    def _listen(self, tell: Any) -> None:
        why = "its agent has ended"
        try:
            while True:
                for line in self._ray.get(self._actor.receive.remote()):
                    if line is None:
                        raise EOFError
                    tell(json.loads(line))
        except EOFError:
            pass
        except Exception as error:  # Ray's errors have no common class
            why = printable(one_line(error))
        tell({"kind": "gone", "why": why})

    def send(self, told: Told) -> None:
        """Tell the agent something."""
        self._actor.send.remote(json.dumps(told).encode() + b"\n")

    def close(self) -> None:
        """Let the agent end, and wait until it has."""
        with suppress(Exception):  # the actor has died, and the agent with it
            self._ray.get(self._actor.close.remote(), timeout=LEAVE_S)
        self._ray.kill(self._actor)


def actors(chosen: Mapping[str, Any]) -> list[Actor]:
    """Return a connection to each of ``--machines`` nodes of a cluster; by default to all.

    The cluster is that of ``RAY_ADDRESS``, or the one that this machine belongs to.

    Raises
    ------
    ConfigError
        If there is no Ray, no cluster, or too few nodes.
    """
    if not importlib.util.find_spec("ray"):
        expected = "pip install decentralizepy[ray]"
        raise ConfigError(key="--placement", value="ray", expected=expected)
    import ray
    from ray.util.placement_group import placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    try:
        ray.init(address="auto", log_to_driver=False, ignore_reinit_error=True)
    except ConnectionError:
        cause = "there is no cluster: ray start --head, or RAY_ADDRESS"
        raise ConfigError(cause, key="--placement", value="ray") from None
    alive = sum(node["Alive"] for node in ray.nodes())
    count = chosen.get("machines", alive)
    if count > alive:
        expected = f"at most {alive}, the nodes of the cluster"
        raise ConfigError(key="--machines", value=count, expected=expected)
    group = placement_group([{"CPU": 1}] * count, strategy="STRICT_SPREAD")
    if not group.wait(READY_S):
        raise ConfigError(
            f"fewer than {count} nodes have a free CPU", key="--placement", value="ray"
        )
    made = []
    for number in range(count):
        place = PlacementGroupSchedulingStrategy(group, number)
        kind = ray.remote(Keeper).options(
            scheduling_strategy=place, num_cpus=1, max_concurrency=2
        )
        made.append(Actor(ray, kind.remote(), number))
    return made
