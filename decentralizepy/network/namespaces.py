"""A network namespace for each node of a run, whose links are those of a description."""

import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

from decentralizepy.errors import ConfigError
from decentralizepy.network.description import Network
from decentralizepy.network.shaping import inbound, outbound

T = TypeVar("T")

NEWNET = 0x40000000  # CLONE_NEWNET
WIDEST = 1000  # ports of a Linux bridge, but for a few
FLAG: dict[str, Any] = {"key": "--network", "value": "real"}
# what a kernel needs for each kind of queue, and where it is tried out
MODULES = {"htb": "sch_htb", "tbf": "sch_tbf", "netem": "sch_netem", "u32": "cls_u32"}
TRIALS = {
    "htb": "qdisc replace dev lo root handle 1: htb",
    "u32": "filter add dev lo parent 1: protocol ip prio 1 u32 match ip dst 10.0.0.1/32 "
    "flowid 1:1",
    "tbf": "qdisc replace dev lo root tbf rate 1mbit burst 3200 limit 100000",
    "netem": "qdisc replace dev lo root netem delay 1ms",
}


class Namespaces:
    """A namespace for each end of a network, all on one switch; a context manager.

    They exist as long as a process runs in them or this object is open, so that nothing is
    left when the launcher is killed.

    Parameters
    ----------
    network : Network

    Attributes
    ----------
    hosts : list of str
        The address of each end.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        ends = range(len(network.up))
        self.hosts = [host(place) for place in ends]
        self._opened = [new() for _ in (*ends, "the switch")]

    def __enter__(self) -> "Namespaces":
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        for each in self._opened:
            os.close(each)

    def of(self, place: int) -> int:
        """Return the descriptor of an end's namespace."""
        return self._opened[place]

    def _connect(self) -> None:
        """Connect all ends to the switch, and limit their links."""
        *ends, switch = self._opened
        lines = ["link add switch type bridge", "link set switch up"]
        for place, end in enumerate(ends):
            peer = f"peer name eth0 netns /proc/{os.getpid()}/fd/{end}"
            lines.append(f"link add port{place} type veth {peer}")
            lines.append(f"link set port{place} master switch up")
        within(switch, lambda: tool("ip", lines))
        down = [inbound(self.network, place) for place, _ in enumerate(ends)]
        within(switch, lambda: tool("tc", [line for each in down for line in each]))
        for place, end in enumerate(ends):
            within(end, partial(self._bring_up, place))

    def _bring_up(self, place: int) -> None:
        address = f"address add {self.hosts[place]}/16 dev eth0"
        # one frame at a time: larger ones would get a larger share of the link
        tool("ip", ["link set lo up", address, "link set eth0 gso_max_segs 1 up"])
        tool("tc", outbound(self.network, place, self.hosts))


def host(place: int) -> str:
    """Return the address of an end, the first of which is 10.203.0.1."""
    block, number = divmod(place, 250)
    return f"10.203.{block}.{number + 1}"


def require(network: Network) -> None:
    """Raise a ConfigError if the links of a network cannot be made here."""
    if os.geteuid() != 0:
        raise ConfigError("needs root, to make network namespaces", **FLAG)
    absent = [name for name in ("ip", "tc") if not shutil.which(name)]
    if absent:
        cause = f"needs {' and '.join(absent)}: apt-get install iproute2"
        raise ConfigError(cause, **FLAG)
    if len(network.up) > WIDEST:
        expected = f"up to {WIDEST} nodes, which one switch connects"
        raise ConfigError(f"{len(network.up)} nodes", **FLAG, expected=expected)
    needed = {
        word for line in _lines(network) for word in line.split() if word in TRIALS
    }
    lacking = [kind for kind in sorted(needed) if not has(kind)]
    if lacking:
        named = " and ".join(MODULES[kind] for kind in lacking)
        purpose = "which limits links"
        if lacking == ["netem"]:
            purpose = "which delays and loses packets: only bandwidths can be real here"
        raise ConfigError(f"this kernel has no {named}, {purpose}", **FLAG)


def _lines(network: Network) -> Iterable[str]:
    hosts = [host(place) for place, _ in enumerate(network.up)]
    for place, _ in enumerate(hosts):
        yield from inbound(network, place)
        yield from outbound(network, place, hosts)


def has(kind: str) -> bool:
    """Return whether the kernel has a kind of queue, or the filter ``u32``."""
    lines = [*dict.fromkeys((TRIALS["htb"], TRIALS[kind]))]
    space = new()
    try:
        within(space, lambda: tool("tc", lines))
    except ConfigError:
        return False
    finally:
        os.close(space)
    return True


def new() -> int:
    """Return the descriptor of a new namespace, which ends when it is closed.

    Raises
    ------
    ConfigError
        If the kernel does not allow it.
    """

    def make() -> int:
        if _libc().unshare(NEWNET):
            cause = (
                f"no network namespace can be made: {os.strerror(ctypes.get_errno())}"
            )
            raise ConfigError(cause, **FLAG)
        return os.open(
            f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY
        )

    return _in_thread(make)


def enter(space: int) -> None:
    """Move this thread, and what it starts, to the namespace of a descriptor."""
    if _libc().setns(space, NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


def within(space: int, act: Callable[[], T]) -> T:
    """Return what ``act`` returns in the namespace of a descriptor."""

    def there() -> T:
        enter(space)
        return act()

    return _in_thread(there)


def tool(name: str, lines: Iterable[str]) -> None:
    """Have ip or tc do what each line says.

    Raises
    ------
    ConfigError
        With the last line that it prints, if it cannot.
    """
    text = "".join(f"{line}\n" for line in lines)
    done = subprocess.run(
        [name, "-batch", "-"], input=text, capture_output=True, text=True
    )
    if done.returncode:
        said = [
            line for line in done.stderr.splitlines() if "Command failed" not in line
        ]
        raise ConfigError(f"{name}: {' '.join(said) or done.returncode}", **FLAG)


def _in_thread(act: Callable[[], T]) -> T:
    """Return what ``act`` returns in a thread of its own, whose namespace may change."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(act())
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)
