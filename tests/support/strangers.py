"""What hostile peers send, and a data set whose runs wait until they are done."""

import contextlib
import pickle
import random
import socket
import struct
import time
from pathlib import Path

import numpy as np
import zmq

from decentralizepy.communication._frames import Encoded
from decentralizepy.communication._link import MAGIC, Link
from decentralizepy.communication._seal import Checksum
from decentralizepy.communication._wire import encode
from tests.support.toy import Linear, Points

__all__ = ["Linear", "Patient"]
NAMES = [b"abc", b"", b"x" * 255, b"00", b"-1", b"99", "\u0661".encode(), b"-12345"]
STAY = 40  # the round that node 0 stays in


class Patient(Points):
    """Points of a network in which all wait for node 0, until the file ``go`` is there.

    Node 0 does not even begin before there is the file ``come``; it takes its time in each
    round, and stays in the 40th, so that the run cannot end before the strangers are done.
    """

    def __init__(self, rank, machine_id, mapping, go: str, come: str, **options):
        super().__init__(rank, machine_id, mapping, **options)
        self.go, self.rounds = Path(go), 0
        while self.uid == 0 and not Path(come).exists():
            time.sleep(0.05)

    def get_trainset(self, batch_size=1, shuffle=False):
        self.rounds += shuffle
        while self.uid == 0 and shuffle and not self.go.exists():
            time.sleep(0.25)
            if self.rounds < STAY:
                break
        return super().get_trainset(batch_size, shuffle)


class Stranger(contextlib.ExitStack):
    """Sends what it likes to the ports of all nodes; ``with`` closes what it opened."""

    def __init__(self, ports):
        super().__init__()
        self.ports, self.random, self.waiting = ports, random.Random(1), 0
        self.context = self.enter_context(zmq.Context())
        self.context.linger = 0

    def dial(self, port, name):
        """Return a DEALER to a port, under a name; what nobody takes waits in it."""
        dealer = self.enter_context(self.context.socket(zmq.DEALER))
        if name:
            dealer.identity = name
        dealer.sndhwm, dealer.sndtimeo = self.waiting, 0
        dealer.connect(f"tcp://127.0.0.1:{port}")
        return dealer

    def dial_all(self, names):
        return [self.dial(port, name) for port in self.ports for name in names]

    def bytes(self, most):
        return self.random.randbytes(self.random.randint(0, most))


def send(dealer, frames):
    """Send, if a connection takes more at once; tell whether."""
    try:
        dealer.send_multipart(frames)
    except zmq.Again:
        return False
    return True


def babble(stranger):
    """Send 10,000 messages of 1 to 5 random frames, under names that no node has."""
    dealers = stranger.dial_all([*NAMES, b"2", b"3"])
    for number in range(10_000):
        frames = [stranger.bytes(300) for _ in range(stranger.random.randint(1, 5))]
        if number % 3 == 0:
            frames[0] = MAGIC + frames[0]  # almost a head of ours
        send(dealers[number % len(dealers)], frames)
    time.sleep(1)


def scan(stranger):
    """Connect and close 1,000 times; speak HTTP and noise; claim a terabyte."""
    for number in range(1_000):
        socket.create_connection(("127.0.0.1", port_of(stranger, number))).close()
    noise = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, b"\xff" * 100]
    noise += [stranger.bytes(1000) for _ in range(100)]
    noise += [b"\x01\x00" * 200, b"\xff\0\0\0\0\0\0\0\1\x7f" + b"\x01\x05\0\0abc"]
    noise += [claim(size) for size in (1 << 40, 1 << 33, 1 << 62, (1 << 64) - 1)] * 4
    for number, data in enumerate(noise):
        connect(stranger, number).sendall(data)
    time.sleep(1)


def idle(stranger):
    """Open 1,100 connections to one node, and say nothing."""
    for _ in range(1_100):
        connect(stranger, 1)


def port_of(stranger, number):
    return stranger.ports[number % len(stranger.ports)]


def connect(stranger, number):
    address = "127.0.0.1", port_of(stranger, number)
    return stranger.enter_context(socket.create_connection(address))


def claim(size):
    """Return a greeting and a frame that says to have ``size`` bytes."""
    return greeting() + struct.pack("!BQ", 2, size) + bytes(10_000)


def greeting():
    """Return what a DEALER says first in ZMTP 3.0 (ZeroMQ RFC 23)."""
    signature = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(16) + bytes(32)
    ready = b"\x05READY" + b"".join(
        struct.pack("!B", len(key)) + key + struct.pack("!I", len(value)) + value
        for key, value in ((b"Socket-Type", b"DEALER"), (b"Identity", b"2"))
    )
    command = struct.pack("!BB", 4, len(ready)) + ready
    return signature + command


class Forger:
    """Speaks the protocol as ``me`` to node ``peer``; without a key, anybody can."""

    def __init__(self, stranger, me, peer, instance=77):
        self.dealer = stranger.dial(stranger.ports[peer], b"%d" % me)
        self.link = Link(me, peer, instance, Checksum())

    def say(self, message):
        self.send([bytes(frame) for frame in encode(message)])

    def send(self, frames):
        sealed = self.link.outgoing(Encoded(frames))
        self.link.unacknowledged.clear()
        if not send(self.dealer, sealed):
            self.link.sent -= 1  # a gap would keep what follows from being read


class Payload:
    """Its pickle runs a command when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


def forge(stranger, marker):
    """Send well-made messages of no use: greetings, goodbyes, channels, code, models."""
    for me, peer in (
        (2, 0),
        (0, 2),
        (3, 1),
        (-1, 1),
        (-9, 3),
    ):  # no neighbors in a ring
        forger = Forger(stranger, me, peer)
        forger.say({"CHANNEL": "CONNECT", "HELLO": me})
        forger.send([pickle.dumps(Payload(marker))])
        for number in range(500):
            forger.say({"CHANNEL": f"unknown {number}", "x": np.zeros(1000)})
        for message in misshapen():
            forger.say(message)
        forger.say({"CHANNEL": "DISCONNECT", "BYE": me})
    time.sleep(1)


def misshapen():
    """Yield messages that lack something, or have it in another type."""
    yield {}
    yield {"CHANNEL": 5}
    yield {"CHANNEL": "CONNECT", "HELLO": "2"}
    yield {"CHANNEL": "DISCONNECT", "BYE": None}
    for iteration in (None, "5", -1, 2**63, 1.5, True, [1]):
        yield {"CHANNEL": "DPSGD", "iteration": iteration, "degree": 2}
    nan = np.full(10, np.nan, np.float32)
    for iteration in range(200):
        yield {"CHANNEL": "DPSGD", "iteration": iteration, "degree": 2, "params": nan}


def impersonate(stranger):
    """Come as a second process in the name of a neighbor, again and again."""
    for attempt in range(5):
        for me, peer in ((1, 0), (3, 0), (0, 1), (2, 3)):
            forger = Forger(stranger, me, peer, instance=100 + attempt)
            for message in misshapen():
                forger.say(message)
            forger.say({"CHANNEL": "DISCONNECT", "BYE": me})
            time.sleep(0.05)
            forger.dealer.close(0)


def flood(stranger, seconds=5.0):
    """Send 100 kB messages for 5 s, as fast as they are taken, under four names."""
    stranger.waiting = 10
    forgers = [Forger(stranger, me, (me + 2) % 4) for me in range(4)]
    dealers = stranger.dial_all([b"99", b"2"])
    body, end, number = np.zeros(12_500), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for forger in forgers:
            number += 1
            forger.say({"CHANNEL": f"flood {number % 100}", "x": body})
        for dealer in dealers:
            send(dealer, [body.tobytes()])
