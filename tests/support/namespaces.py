"""Network namespaces as machines, on a switch that can be cut, slow or lossy; needs root."""

import contextlib
import os
import secrets
import shutil
import subprocess

SUBNET = "10.203.77"


def usable():
    """Tell why namespaces cannot be made here, or return None."""
    if os.geteuid() != 0:
        return "needs root"
    for tool in ("ip", "tc", "nft"):
        if not shutil.which(tool):
            return f"needs {tool} (apt-get install iproute2 nftables)"
    name = f"probe{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "no network namespaces here"
    sh("ip", "netns", "delete", name)
    return None


def sh(*words, stdin=None):
    subprocess.run(words, check=True, input=stdin, text=True, capture_output=True)


class Cable:
    """Namespaces on one switch; the address of machine m is ``addresses[str(m)]``."""

    def __init__(self, machines=2):
        key = secrets.token_hex(4)
        self.switch = f"decpy{key}switch"
        self.names = [f"decpy{key}{side}" for side in range(machines)]
        self.addresses = {str(side): f"{SUBNET}.{side + 1}" for side in range(machines)}
        self.started = []

    def __enter__(self):
        for name in (self.switch, *self.names):
            sh("ip", "netns", "add", name)
        sh("ip", "-n", self.switch, "link", "add", "switch", "type", "bridge")
        sh("ip", "-n", self.switch, "link", "set", "switch", "up")
        for side, name in enumerate(self.names):
            port = [f"port{side}", "netns", self.switch]
            sh("ip", "-n", name, "link", "add", "eth0", "type", "veth", "peer", *port)
            sh("ip", "-n", self.switch, "link", "set", port[0], "master", "switch")
            sh("ip", "-n", self.switch, "link", "set", port[0], "up")
            address = f"{self.addresses[str(side)]}/24"
            sh("ip", "-n", name, "address", "add", address, "dev", "eth0")
            sh("ip", "-n", name, "link", "set", "eth0", "up")
            sh("ip", "-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *exception):
        for process in self.started:
            process.kill()
            process.communicate()
        for name in (self.switch, *self.names):
            with contextlib.suppress(subprocess.CalledProcessError):
                sh("ip", "netns", "delete", name)

    def start(self, side, words, **options):
        """Start ``words`` on a machine; they end with the cable at the latest."""
        self.started.append(subprocess.Popen(self.on(side, words), **options))
        return self.started[-1]

    def on(self, side, words):
        """Return the words that run ``words`` on a machine."""
        return ["ip", "netns", "exec", self.names[side], *words]

    def drop(self, *sides, per_cent=100):
        """Lose what the machines send; of all packets, or of some at random."""
        chance = f"numgen random mod 100 < {per_cent}" if per_cent < 100 else ""
        rules = f"""
            table inet faults {{
                chain output {{
                    type filter hook output priority 0;
                    oifname "eth0" {chance} drop
                }}
            }}
        """
        for side in sides:
            sh(*self.on(side, ["nft", "-f", "-"]), stdin=rules)

    def heal(self):
        """Lose nothing any more."""
        for side in range(len(self.names)):
            with contextlib.suppress(subprocess.CalledProcessError):
                sh(*self.on(side, ["nft", "delete", "table", "inet", "faults"]))

    def slow(self, rate):
        """Let each machine send at ``rate``, in tc's words."""
        shape = ["tbf", "rate", rate, "burst", "16kb", "latency", "400ms"]
        for side in range(len(self.names)):
            words = ["tc", "qdisc", "add", "dev", "eth0", "root", *shape]
            sh(*self.on(side, words))
