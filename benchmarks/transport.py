"""Print the throughput and CPU time of each transport over those of raw pyzmq, zero-copy.

Usage: python -m benchmarks.transport [--repeats N]
"""

import argparse
import functools
import gc
import json
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import zmq

from benchmarks.machine import describe
from decentralizepy.communication.IPC import IPC
from decentralizepy.communication.keys import make_mac
from decentralizepy.communication.TCP import TCP
from decentralizepy.mappings.Linear import Linear
from decentralizepy.node.process import keep_freed_memory

SIZES = {"90 k": 90_000, "1 M": 1_000_000, "25 M": 25_000_000}
SMALL = 250  # parameters: messages of 1 kB, of which 64 thousand are sent
BYTES_A_RUN, SMALL_MESSAGES = 1 << 30, 1 << 16
DONE = {"CHANNEL": "done"}


@functools.cache
def frozen(size):
    params = np.random.default_rng(0).normal(size=size).astype(np.float32)
    params.flags.writeable = False
    return params


def open_end(kind, rank, folder, offset):
    name, _, security = kind.partition(" ")
    options = {}
    if security:
        options = {"security": security, "key_file": f"{folder}/mac.key"}
    if name == "TCP":
        address = f"{folder}/ip.json"
        return TCP(rank, 0, Linear(1, 2), 2, address, offset=offset, **options)
    return IPC(rank, 0, Linear(1, 2), 2, socket_dir=folder, **options)


def ours(kind, folder, offset, size, count):
    """Return the seconds to transfer ``count`` model messages."""
    end = open_end(kind, 0, folder, offset)
    end.init_connection(1)
    params = frozen(size)
    end.receive()  # the peer is connected
    start = time.perf_counter()
    for iteration in range(count):
        message = {"CHANNEL": "DPSGD", "iteration": iteration, "degree": 1}
        end.send(1, {**message, "params": params})
    end.receive()
    seconds = time.perf_counter() - start
    end.terminate()
    return seconds


def our_peer(kind, folder, offset, count):
    end = open_end(kind, 1, folder, offset)
    end.init_connection(0)
    end.send(0, DONE)
    total = 0.0
    for _ in range(count):
        total += float(end.receive()[1]["params"][0])
    end.send(0, DONE)
    end.terminate()


def raw_sockets(kind, folder, port, bind):
    context = zmq.Context()
    pair = context.socket(zmq.PAIR)
    pair.sndhwm = pair.rcvhwm = 0
    tcp = kind.startswith("TCP")
    address = f"tcp://127.0.0.1:{port + 1}" if tcp else f"ipc://{folder}/raw"
    (pair.bind if bind else pair.connect)(address)
    return context, pair


def raw(kind, folder, port, size, count):
    context, pair = raw_sockets(kind, folder, port, True)
    params = frozen(size)
    pair.recv()
    start = time.perf_counter()
    for _ in range(count):
        pair.send(params, copy=False)
    pair.recv()
    seconds = time.perf_counter() - start
    context.destroy(linger=0)
    return seconds


def raw_peer(kind, folder, port, count):
    context, pair = raw_sockets(kind, folder, port, False)
    pair.send(b"here")
    total = 0.0
    for _ in range(count):
        total += float(np.frombuffer(pair.recv(copy=False).buffer, np.float32)[0])
    pair.send(b"done")
    context.destroy(linger=1000)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(send, receive, kind, size, count):
    """Return MiB/s, and microseconds of CPU a message, of both ends together."""
    before = sum(os.times()[:4])
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "ip.json").write_text(json.dumps({"0": "localhost"}))
        make_mac(Path(folder, "mac.key"))
        port = free_port() - 1
        peer = multiprocessing.Process(target=receive, args=(kind, folder, port, count))
        peer.start()
        seconds = send(kind, folder, port, size, count)
        peer.join()
    cpu = sum(os.times()[:4]) - before
    return 4 * size * count / seconds / 2**20, 1e6 * cpu / count


def compare(kind, size, count, repeats):
    """Return medians: our throughput, raw pyzmq's, their ratio, and so of CPU time."""
    sides = ours, our_peer, kind, size, count
    others = raw, raw_peer, kind, size, count
    pairs = [(measure(*sides), measure(*others)) for _ in range(repeats)]
    medians = []
    for column in range(2):  # throughput, CPU time
        mine, theirs = ([pair[end][column] for pair in pairs] for end in range(2))
        ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
        medians += [statistics.median(each) for each in (mine, theirs, ratios)]
    return medians


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    keep_freed_memory()
    gc.freeze()  # as before nodes are forked: the collector need not look at torch
    print(f"{describe()}, libzmq {zmq.zmq_version()}")
    print(f"{'':23}{'MiB/s':^27}{'CPU us a message':^25}".rstrip())
    print(
        f"{'transport':10}{'parameters':>12}" + f"{'ours':>9}{'raw':>8}{'ratio':>8}" * 2
    )
    for kind in ("TCP", "IPC", "TCP mac", "IPC mac"):
        for name, size in {**SIZES, "64 k x 1 kB": SMALL}.items():
            count = max(8, BYTES_A_RUN // (4 * size))
            count = SMALL_MESSAGES if size == SMALL else count
            shown = "{:>9.0f}{:>8.0f}{:>8.2f}" * 2
            told = shown.format(*compare(kind, size, count, repeats))
            print(f"{kind:10}{name:>12}{told}", flush=True)


if __name__ == "__main__":
    main()
