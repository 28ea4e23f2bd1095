"""Breaks when a link loses, repeats, reorders or believes what a bad network made of it."""

from contextlib import suppress

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)

from decentralizepy.communication._frames import JOINED, Damaged, Encoded
from decentralizepy.communication._link import (
    ACK,
    ACK_BYTES,
    ACK_MESSAGES,
    ASK,
    DATA,
    MAGIC,
    NACK,
    WINDOW,
    Head,
    Link,
)
from decentralizepy.communication._seal import Checksum, Mac, Mac2
from decentralizepy.errors import MessageError

SEALS = [Checksum, lambda: Mac(b"key"), lambda: Mac2(b"key")]


def make_pair(seal=Checksum):
    """Return the links of uid 0 and uid 1 to each other."""
    return Link(0, 1, 70, seal()), Link(1, 0, 71, seal())


def send(link, *content):
    """Return the frames of a new message."""
    return link.outgoing(Encoded(content))


def take(link, frames):
    """Return the messages that ``frames`` make complete, and the answer's frames."""
    head, frames = link.open(frames)
    return link.take(head, frames), [link.answer(head)]


class Network(RuleBasedStateMachine):
    """Uid 0 sends numbers to uid 1 over what loses, doubles, swaps, flips and cuts.

    Whatever it did: once it behaves, all arrive, once and in order.
    """

    def __init__(self):
        super().__init__()
        self.sender, self.receiver = make_pair()
        self.there, self.back = [], []  # on their way
        self.sent, self.received, self.now = 0, [], 0.0

    @precondition(lambda self: not self.sender.full)
    @rule()
    def send(self):
        self.there.append(send(self.sender, b"%d" % self.sent, b""))
        self.sent += 1

    @precondition(lambda self: self.there)
    @rule()
    def arrive(self):
        frames = self.there.pop(0)
        try:
            messages, answer = take(self.receiver, frames)
        except MessageError as error:
            complaint = isinstance(error, Damaged) and self.receiver.complaint()
            self.back += [[complaint]] if complaint else []
        else:
            self.received += [int(frames[0]) for frames in messages]
            self.back.append(answer)

    @precondition(lambda self: self.back)
    @rule()
    def answer(self):
        frames = self.back.pop(0)
        with suppress(MessageError):
            self.there += self.sender.acknowledge(self.sender.open(frames)[0])

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds):
        self.now += seconds
        if self.sender.overdue(self.now):
            self.there.append(self.sender.ask())

    @rule(way=st.booleans(), at=st.integers(0), kept=st.booleans())
    def lose_or_double(self, way, at, kept):
        if queue := (self.there if way else self.back):
            at %= len(queue)
            queue[at : at + 1] = 2 * queue[at : at + 1] if kept else []

    @rule(way=st.booleans(), random=st.randoms(use_true_random=False))
    def shuffle(self, way, random):
        random.shuffle(self.there if way else self.back)

    @rule(way=st.booleans(), at=st.integers(0), bit=st.integers(0), cut=st.booleans())
    def damage(self, way, at, bit, cut):
        if queue := (self.there if way else self.back):
            at %= len(queue)
            frames = [bytearray(frame) for frame in queue[at]]
            frame = frames[bit % len(frames)]
            if frame and cut:
                del frame[bit % len(frame) :]
            elif frame:
                frame[bit // 8 % len(frame)] ^= 1 << bit % 8
            queue[at] = [bytes(frame) for frame in frames]

    @rule()
    def reconnect(self):
        self.there, self.back = self.sender.again(), []

    @invariant()
    def nothing_else_arrives(self):
        assert self.received == list(range(len(self.received)))
        assert len(self.received) <= self.sent
        assert len(self.receiver.held) < WINDOW

    def teardown(self):
        for _ in range(4 * WINDOW):
            while self.there or self.back:
                (self.arrive if self.there else self.answer)()
            self.now += 1e6  # more than any pause between two questions
            self.wait(0.0)
        assert self.received == list(range(self.sent))
        assert not self.sender.unacknowledged
        assert not self.receiver.held


TestNetwork = Network.TestCase
TestNetwork.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@pytest.mark.parametrize("make_seal", SEALS)
def test_a_message_comes_out_as_it_went_in(make_seal):
    sender, receiver = make_pair(make_seal)
    messages, answer = take(receiver, send(sender, b"header", b"", b"array"))
    assert messages == [[b"header", b"", b"array"]]
    assert sender.acknowledge(sender.open(answer)[0]) == []
    assert not sender.unacknowledged


@pytest.mark.parametrize("make_seal", SEALS)
def test_any_changed_byte_and_any_cut_is_damage(make_seal):
    sender, receiver = make_pair(make_seal)
    large = bytes(range(256)) * (JOINED // 256)
    for content in ((b"header", b"", b"array"), (b"header", large)):
        parts = send(sender, *content)
        assert len(parts) == (1 if len(content) == 3 else 2)
        for number, part in enumerate(parts):
            for position in range(len(MAGIC) * (not number), len(part), 7):
                changed = bytearray(part)
                changed[position] ^= 16
                for damaged in (bytes(changed), part[:position]):
                    with pytest.raises(MessageError):
                        receiver.open([*parts[:number], damaged, *parts[number + 1 :]])
        with pytest.raises(MessageError):
            receiver.open(parts[:-1])
        with pytest.raises(Damaged):
            receiver.open([*parts, b""])
        assert receiver.open(parts)[1] == [*content]


def test_a_gap_is_complained_of_only_when_the_sender_asks():
    """What is missing may be late; a complaint for each late one sends models twice."""
    sender, receiver = make_pair()
    frames = [send(sender, b"%d" % number) for number in range(3)]
    for late in (2, 1):
        messages, answer = take(receiver, frames[late])
        assert messages == []
        assert sender.open(answer)[0].kind == ACK
    messages, answer = take(receiver, sender.ask())
    assert sender.open(answer)[0] == Head(NACK, 71, 70, 0)
    again, question = sender.acknowledge(sender.open(answer)[0])
    assert take(receiver, again)[0] == [[b"0"], [b"1"], [b"2"]]
    _, answer = take(receiver, question)
    assert sender.acknowledge(sender.open(answer)[0]) == []


def test_damage_is_complained_of_once_a_message():
    """A forger's garbage must not make a peer send its model again and again."""
    sender, receiver = make_pair()
    assert sender.open([receiver.complaint()])[0].kind == NACK
    assert receiver.complaint() is None
    take(receiver, send(sender, b"0"))
    assert sender.open([receiver.complaint()])[0] == Head(NACK, 71, 70, 1)


def test_questions_become_rare():
    """A peer that trains for a minute answers late; it must not find a heap of them."""
    sender, _ = make_pair()
    send(sender, b"0")
    assert [now for now in range(100) if sender.overdue(now)] == [
        1,
        2,
        4,
        8,
        16,
        32,
        64,
    ]


def test_a_sender_stops_at_the_window_and_goes_on_after_an_answer():
    sender, receiver = make_pair()
    frames = [send(sender, b"x") for _ in range(WINDOW)]
    assert sender.full
    _, answer = take(receiver, frames[0])
    sender.acknowledge(sender.open(answer)[0])
    assert not sender.full


def test_a_sender_keeps_no_more_than_its_bytes(monkeypatch):
    monkeypatch.setattr("decentralizepy.communication._link.WINDOW_BYTES", 100)
    sender, receiver = make_pair()
    frames = send(sender, bytes(100))
    assert sender.full
    _, answer = take(receiver, frames)
    sender.acknowledge(sender.open(answer)[0])
    assert not sender.full


def test_a_number_far_ahead_is_not_kept():
    """Else a forger fills the memory, and the place of the message that is missing."""
    _, receiver = make_pair()
    for number in (WINDOW, 2**63, 2**64 - 1):
        assert receiver.take(Head(DATA, 70, 71, number), [b"x"]) == []
    assert not receiver.held


@pytest.mark.parametrize("head", [(ASK, 70, 0, 0), (DATA, 70, 0, 0), (ACK, 70, 0, 9)])
def test_only_an_answer_to_what_was_sent_acknowledges(head):
    link, _ = make_pair()
    send(link, b"x")
    with pytest.raises(MessageError, match="never sent"):
        link.acknowledge(Head(*head))
    assert link.unacknowledged


def test_a_second_process_and_an_earlier_one_are_refused():
    sender, receiver = make_pair()
    take(receiver, send(sender, b"x"))
    second = Link(0, 1, 99, Checksum())
    with pytest.raises(MessageError, match="second process"):
        take(receiver, send(second, b"y"))
    sender.peer_instance = 72
    with pytest.raises(MessageError, match="another process"):
        take(receiver, send(sender, b"z"))


def test_another_version_is_no_message():
    _, receiver = make_pair()
    for frames in ([], [b""], [b"dp\x01" + bytes(40)], [b"GET / HTTP/1.1" * 4]):
        with pytest.raises(MessageError, match="version"):
            receiver.open(frames)


@pytest.mark.parametrize("make_mac", [Mac, Mac2])
def test_a_mac_needs_the_key_and_the_two_ends(make_mac):
    """Breaks when a message can be forged, mirrored, or sent on to somebody else."""
    sender, receiver = make_pair(lambda: make_mac(b"key"))
    parts = send(sender, b"x")
    others = Link(1, 0, 71, make_mac(b"other")), Link(2, 0, 71, make_mac(b"key"))
    for other in (*others, sender):
        with pytest.raises(Damaged):
            other.open(parts)
    # the last four bytes are the count of frames, the length of one, and the frame
    envelope, content = parts[0][:-4], parts[0][-4:]
    for moved in ([b"", b"x"], [b"x"], [content, b""], [content[:-1], b"x"]):
        with pytest.raises(Damaged):
            receiver.open([envelope, *moved])
    assert receiver.open([envelope, content]) == receiver.open(parts)


def test_machines_with_other_seals_say_so():
    """One lacks blake3, or the INI files differ in security."""
    sender, _ = make_pair(lambda: Mac(b"key"))
    _, receiver = make_pair(lambda: Mac2(b"key"))
    with pytest.raises(MessageError, match=r"kind b'3', not b'2'.* whether blake3"):
        receiver.open(send(sender, b"x"))


def test_answers_are_gathered_and_never_forgotten():
    """The first of a burst is answered at once; then one answer is due for many."""
    sender, receiver = make_pair()
    due = []
    for _ in range(2 * ACK_MESSAGES):
        head, frames = receiver.open(send(sender, b"x"))
        assert receiver.take(head, frames)
        due.append(receiver.due(head))
        if due[-1]:
            answer = receiver.answer()
    assert [number for number, each in enumerate(due) if each] == [0, ACK_MESSAGES]
    assert receiver.owed == ACK_MESSAGES - 1
    sender.acknowledge(sender.open([answer])[0])
    assert len(sender.unacknowledged) == ACK_MESSAGES - 1
    sender.acknowledge(sender.open([receiver.answer()])[0])
    assert not sender.unacknowledged


def test_a_large_message_is_answered_at_once():
    """Else its sender keeps models that its peers have long had."""
    sender, receiver = make_pair()
    send(sender, b"x")
    head, frames = receiver.open(send(sender, bytes(ACK_BYTES)))
    receiver.take(head, frames)
    assert head.kind == DATA
    assert receiver.due(head)


class Counting(Checksum):
    """Notes of how many parts each digested message consists."""

    def __init__(self):
        self.digested = []

    def of(self, parts):
        self.digested.append(len(parts))
        return super().of(parts)


def test_a_broadcast_is_digested_once():
    seal, message = Counting(), Encoded([b"header", bytes(100_000)])
    for peer in range(1, 5):
        link = Link(0, peer, 70, seal)
        link.outgoing(message)
        link.again()
    assert seal.digested == [2]


def test_small_frames_are_digested_together():
    """A keyed digest of 50 bytes takes as long as one of 1000."""
    seal = Counting()
    sender, receiver = make_pair(lambda: seal)
    receiver.open(send(sender, b"header", b"array", b"another"))
    assert seal.digested == [1, 1]
