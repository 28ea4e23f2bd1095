"""Transports that misbehave like a network, and record what they did."""

import json
import random
import zlib
from pathlib import Path
from typing import Literal

import torch

from decentralizepy.communication._wire import decode
from decentralizepy.communication.TCP import TCP
from tests.support.toy import Linear, Points

__all__ = ["Heavy", "Linear", "Points", "Wild"]


class Heavy(Linear):
    """The toy's model with 400 kB that are sent and not trained."""

    def __init__(self):
        super().__init__()
        self.ballast = torch.nn.Parameter(torch.randn(100_000))


class Wild(TCP):
    """TCP with faults; writes a line for each message into the folder of addresses.

    Each line of ``history.<uid>.jsonl`` is [what, sender, receiver, channel, round, crc,
    bytes]. Where there is a file ``proxies.json``, of edges and ports, they are used.
    """

    def __init__(
        self,
        *args,
        fault: Literal["clean", "double", "shuffle", "flip", "cut", "lose"] = "clean",
        **options,
    ):
        super().__init__(*args, **options)
        self.fault, self.random = fault, random.Random(self.uid)
        self.waiting = []
        self.folder = Path(self.addresses_filepath).parent

    def address(self, rank, machine_id):
        proxies = Path(self.addresses_filepath).with_name("proxies.json")
        uid = self.mapping.get_uid(rank, machine_id)
        if uid != self.uid and proxies.exists():
            return f"tcp://127.0.0.1:{json.loads(proxies.read_text())[f'{self.uid}>{uid}']}"
        return super().address(rank, machine_id)

    def deliver(self, neighbor, message):
        self._note("sent", self.uid, neighbor, message.frames)
        super().deliver(neighbor, message)

    def decrypt(self, sender, data):
        self._note("consumed", sender, self.uid, data)
        return super().decrypt(sender, data)

    def terminate(self, *args):
        counts = {"repeated": self.repeated, "rejected": self.rejected}
        (self.folder / f"counts.{self.uid}.json").write_text(json.dumps(counts))
        super().terminate(*args)

    def _note(self, what, sender, receiver, frames):
        message, crc = decode(frames), 0
        for frame in frames:
            crc = zlib.crc32(frame, crc)
        size = sum(memoryview(frame).nbytes for frame in frames)
        about = message["CHANNEL"], message.get("iteration"), crc, size
        with (self.folder / f"history.{self.uid}.jsonl").open("a") as history:
            history.write(json.dumps([what, sender, receiver, *about]) + "\n")

    def _transmit(self, uid, frames):
        chosen = self.random.random() < 0.3
        if self.fault == "shuffle":
            self.waiting.append((uid, frames))
            if len(self.waiting) >= 3:
                self._flush()
            return
        if chosen and self.fault in ("flip", "cut"):
            frames = self._damaged(frames)
        if not (chosen and self.fault == "lose"):
            super()._transmit(uid, frames)
        if chosen and self.fault == "double":
            super()._transmit(uid, frames)

    def _flush(self):
        self.random.shuffle(self.waiting)
        while self.waiting:
            super()._transmit(*self.waiting.pop())

    def _tick(self):
        super()._tick()
        self._flush()

    def _damaged(self, frames):
        frames = [bytearray(memoryview(frame).cast("B")) for frame in frames]
        frame = self.random.choice(frames)
        at = self.random.randrange(len(frame))
        if self.fault == "flip":
            frame[at] ^= 1 << self.random.randrange(8)
        else:
            del frame[at:]
        return [bytes(frame) for frame in frames]


def validate(folder, totals):
    """Check the history of a run: every message consumed once, in order, as it was sent.

    ``totals`` are the bytes that each uid says to have sent until its last round.
    """
    sent, consumed, sizes = {}, {}, dict.fromkeys(totals, 0)
    for path in sorted(folder.glob("history.*.jsonl")):
        for line in path.read_text().splitlines():
            what, sender, receiver, channel, number, crc, size = json.loads(line)
            edges = sent if what == "sent" else consumed
            edges.setdefault((sender, receiver), []).append((channel, number, crc))
            if what == "sent" and channel != "DISCONNECT":
                sizes[sender] += size
    assert sent
    assert consumed == sent
    assert sizes == totals
    for messages in consumed.values():
        rounds = [number for channel, number, _ in messages if channel == "DPSGD"]
        assert rounds == list(range(len(rounds)))
