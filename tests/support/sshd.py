"""A real sshd for this user, on loopback addresses that stand for hosts."""

import contextlib
import os
import shutil
import signal
import subprocess
import time

from tests.support import LIMIT_S, ROOT
from tests.support.ports import free_offset

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
SERVER = """\
Port {port}
{listen}
HostKey {folder}/host
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/user.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
SetEnv OMP_NUM_THREADS=1 PYTHONPATH={root}
"""
HIDING = """\
ForceCommand unshare -m sh -c 'mount -t tmpfs none {}; exec sh -c "$SSH_ORIGINAL_COMMAND"'
"""
CLIENT = """\
Host 127.0.0.*
    Port {port}
    IdentityFile {folder}/user
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known
    StrictHostKeyChecking accept-new
    LogLevel ERROR
"""
SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/sbin")


def missing():
    """Return why there can be no sshd here, or None."""
    absent = [name for name in ("ssh", "ssh-keygen") if not shutil.which(name)]
    absent += [] if SSHD else ["sshd"]
    if absent:
        return f"needs {', '.join(absent)} (openssh-client, openssh-server)"
    return None if os.geteuid() == 0 else "needs root, for the folder /run/sshd"


@contextlib.contextmanager
def serving(folder, hidden=None):
    """Yield the command with which ssh reaches all hosts; they end with the context.

    They see another, empty folder in the place of the one that is ``hidden``.
    """
    os.makedirs("/run/sshd", exist_ok=True)
    for name in ("host", "user"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(words, check=True)
    names = {"folder": folder, "port": free_offset(1), "root": ROOT}
    listen = "\n".join(f"ListenAddress {host}" for host in HOSTS)
    text = SERVER.format(listen=listen, **names)
    (folder / "server").write_text(text + (HIDING.format(hidden) if hidden else ""))
    (folder / "client").write_text(CLIENT.format(**names))
    subprocess.run([SSHD, "-f", folder / "server", "-E", folder / "log"], check=True)
    pid = folder / "sshd.pid"
    deadline = time.monotonic() + LIMIT_S
    while not (pid.exists() and pid.read_text().strip()):
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.05)
    try:
        yield f"ssh -F {folder}/client"
    finally:
        os.kill(int(pid.read_text()), signal.SIGTERM)
