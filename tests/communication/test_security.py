"""Breaks when somebody without the run's key is heard, or one node speaks as another."""

import contextlib
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import zmq

from decentralizepy.communication import keys as key_files
from decentralizepy.communication._frames import JOINED, Encoded
from decentralizepy.communication._guard import PROOF_BYTES, Guard
from decentralizepy.communication._link import ACK, ASK, DATA, Link
from decentralizepy.communication._seal import Checksum, Mac
from decentralizepy.communication._wire import encode
from decentralizepy.communication.IPC import IPC
from decentralizepy.communication.TCP import TCP
from decentralizepy.errors import ConfigError
from decentralizepy.mappings.Linear import Linear
from tests.support.ports import free_offset

HELLO = {"HELLO": 0, "CHANNEL": "CONNECT"}
MODEL = {"CHANNEL": "DPSGD", "iteration": 0, "degree": 2}
NODES, QUIET_S = 6, 0.4
KEY, OTHER = b"k" * 32, b"o" * 32


@pytest.fixture
def open_end(tmp_path):
    """Return a function that opens a node's end of one network over TCP."""
    (tmp_path / "ip.json").write_text('{"0": "localhost"}')
    key_files._write(tmp_path / "mac.key", KEY, 0o600)
    key_files.make_curve(tmp_path / "keys", range(NODES))
    offset, ends = free_offset(2 * NODES), []

    def open_end(rank, security="none", **options):
        if security == "mac":
            options["key_file"] = str(tmp_path / "mac.key")
        if security == "curve":
            options["keys_dir"] = str(tmp_path / "keys")
        place = (rank, 0, Linear(1, NODES), NODES, str(tmp_path / "ip.json"))
        ends.append(TCP(*place, offset, security=security, **options))
        return ends[-1]

    yield open_end
    for end in ends:
        end.terminate(200)


@pytest.fixture
def stranger():
    """Return a function that sends frames to a node under any identity."""
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(zmq.Context())
        context.linger = 0

        def stranger(end, identity, *messages, keys=None, server=None):
            socket = stack.enter_context(context.socket(zmq.DEALER))
            socket.identity = identity
            if keys:
                socket.curve_publickey, socket.curve_secretkey = keys
                socket.curve_serverkey = server
            socket.connect(end.address(end.rank, 0))
            for frames in messages:
                socket.send_multipart(frames)

        yield stranger


def heard(end, seconds=QUIET_S):
    """Return what an end receives within ``seconds``."""
    messages, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (received := end.receive(block=False)) is not None:
            messages.append(received)
    return messages


def sealed(seal, me=1, peer=0, message=HELLO):
    """Return a first message of ``me`` to ``peer``, as its transport would send it."""
    return Link(me, peer, 77, seal).outgoing(Encoded(encode(message)))


@pytest.mark.parametrize("security", ["none", "mac", "curve"])
def test_members_hear_each_other(open_end, security):
    one, two = open_end(0, security), open_end(1, security)
    params = np.arange(1000, dtype=np.float32)
    for end, peer in ((one, 1), (two, 0)):
        end.init_connection(peer)
        end.send(peer, {**MODEL, "params": params})
    for end, peer in ((one, 1), (two, 0)):
        uid, message = end.receive()
        assert uid == peer
        assert np.array_equal(message["params"], params)
        assert end.total_data == params.nbytes
        assert end.rejected == 0


def test_without_the_key_of_mac_nobody_is_heard(open_end, stranger):
    end = open_end(0, "mac")
    plain = [bytes(frame) for frame in encode(HELLO)]
    attempts = [sealed(Mac(OTHER)), sealed(Checksum()), plain]
    stranger(end, b"1", *attempts)
    assert heard(end) == []
    assert end.rejected == len(attempts)
    stranger(end, b"2", sealed(Mac(KEY), me=2))  # the test is not deaf
    assert heard(end) == [(2, HELLO)]


def test_a_mac_is_of_one_direction_of_one_edge(open_end, stranger):
    """A message that is sent back, or on to a third node, is dropped."""
    end = open_end(0, "mac")
    stranger(end, b"1", sealed(Mac(KEY), me=0, peer=1))  # reflected
    stranger(end, b"2", sealed(Mac(KEY), me=2, peer=1))  # meant for node 1
    stranger(end, b"3", sealed(Mac(KEY), me=2, peer=0))  # in another's name
    assert heard(end) == []
    assert end.rejected == 3


def changed(frames, place, value):
    head = bytearray(frames[0])
    head[place] = value
    return [bytes(head), *frames[1:]]


def test_a_mac_covers_the_head_and_each_frame(open_end, stranger):
    end = open_end(0, "mac")
    (small,) = sealed(Mac(KEY), message={**MODEL, "params": np.ones(2, np.float32)})
    arrays = {"params": np.ones(JOINED, np.uint8), "more": np.zeros(JOINED, np.uint8)}
    parts = sealed(Mac(KEY), message={**MODEL, **arrays})
    head, one, two = map(bytes, parts)
    forgeries = [changed([head, one, two], at, 7) for at in (4, 6, 14, 26)]
    forgeries += [
        [head, two, one],
        [head, one],
        [head, one, two, b""],
        [small, b""],
        [head, one + two[:4], two[4:]],
        [head[:-1] + b"\1", one, two],
        [head, one[:-1] + b"\0", two],
        [small[:-1] + b"\1"],
    ]
    stranger(end, b"1", *forgeries)
    assert heard(end) == []
    assert end.rejected == len(forgeries)
    stranger(end, b"1", parts)
    assert len(heard(end)) == 1


def test_a_repeated_message_is_heard_once(open_end, stranger):
    """Within a run by its number, and of an earlier run by the instances."""
    end = open_end(0, "mac")
    message = sealed(Mac(KEY))
    stranger(end, b"1", message, message)
    stranger(end, b"1", message)
    assert heard(end) == [(1, HELLO)]
    earlier = Link(2, 0, 77, Mac(KEY))
    earlier.peer_instance = end.instance + 1
    stranger(end, b"2", earlier.outgoing(Encoded(encode(HELLO))))
    assert heard(end) == []
    assert end.rejected == 1


@pytest.mark.parametrize("kind", [DATA, ASK, ACK])
def test_a_stranger_learns_nothing_and_is_not_heard(open_end, kind):
    """It was told both instances and the next number, with which it could forge models."""
    end, member = open_end(0), open_end(1)
    member.init_connection(0)
    member.send(0, HELLO)
    assert end.receive() == (1, HELLO)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger, stranger.identity = 0, b"1.token.1"
        stranger.connect(end.address(0, 0))
        forger = Link(1, 0, member.instance, Checksum())  # had it been told all
        forger.peer_instance, forger.sent = end.instance, 1
        stranger.send_multipart([b"garbage"])
        stranger.send_multipart([forger._head(kind, 1)])
        stranger.send_multipart(forger.outgoing(Encoded(encode(MODEL))))
        assert heard(end) == []
        assert end.rejected == 3
        assert not stranger.poll(50)
    member.send(0, MODEL)
    assert end.receive() == (1, MODEL)


def test_a_stranger_that_comes_first_is_told_no_number(open_end):
    end = open_end(0)
    with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger, stranger.identity = 0, b"1.token.1"
        stranger.connect(end.address(0, 0))
        stranger.send_multipart([b"garbage"])
        stranger.send_multipart(changed(sealed(Checksum()), 6, 7))
        assert heard(end) == []
        assert end.rejected == 2
        assert not stranger.poll(50)


def test_a_stranger_that_comes_first_is_not_taken_for_a_neighbor(
    open_end, stranger, tmp_path
):
    """If the nodes share a secret, as on one machine: it locked the neighbor out."""
    shared = {"key_file": str(tmp_path / "mac.key")}
    end, member = open_end(0, **shared), open_end(1, **shared)
    dialed = member.links[0].token.encode()
    for name in (b"1", b"1.%s.1" % dialed, b"1.%s.1" % (dialed + bytes(32))):
        stranger(end, name, sealed(Checksum()))
    assert heard(end) == []
    assert end.rejected == 3
    member.init_connection(0)
    member.send(0, HELLO)
    assert end.receive() == (1, HELLO)


def test_a_proof_is_of_one_direction_of_one_edge():
    guard, token = Guard(KEY), b"token"
    proof = guard.prove(0, 1, token)
    others = [guard.prove(1, 0, token), guard.prove(0, 2, token)]
    others += [guard.prove(0, 1, b"other"), Guard(OTHER).prove(0, 1, token)]
    assert proof not in others
    assert len(proof) == 2 * PROOF_BYTES
    assert Guard().prove(0, 1, token) == b""


def own_keys(folder, uid):
    public = key_files.read_public(folder)
    return public[uid], key_files.read_curve(folder, uid, public[uid])


def test_curve_hears_known_keys_each_under_its_own_uid(open_end, stranger, tmp_path):
    end = open_end(0, "curve")
    keys, message = own_keys(tmp_path / "keys", 3), sealed(Checksum(), me=5)
    server = key_files.read_public(tmp_path / "keys")[0]
    stranger(end, b"5", message, keys=keys, server=server)  # 3 says to be 5
    assert heard(end) == []
    assert end.rejected == 1
    stranger(end, b"3", sealed(Checksum(), me=3), keys=keys, server=server)
    assert heard(end) == [(3, HELLO)]


@pytest.mark.parametrize("who", ["unknown key", "unknown server", "no key"])
def test_curve_does_not_even_see_others(open_end, stranger, tmp_path, who):
    end, message = open_end(0, "curve"), sealed(Checksum())
    server = key_files.read_public(tmp_path / "keys")[0]
    if who == "unknown key":
        stranger(end, b"1", message, keys=zmq.curve_keypair(), server=server)
    elif who == "unknown server":  # somebody else's, so that its proof fails
        keys = own_keys(tmp_path / "keys", 1)
        stranger(end, b"1", message, keys=keys, server=zmq.curve_keypair()[0])
    else:
        stranger(end, b"1", message)
    assert heard(end) == []
    assert end.rejected == 0
    peer = open_end(2, "curve")
    peer.init_connection(0)
    peer.send(0, HELLO)
    assert end.receive() == (2, HELLO)


def test_curve_enciphers(open_end, tmp_path):
    """A proxy between two nodes sees nothing of the message; without curve it does."""
    seen = {
        security: eavesdropped(open_end, security) for security in ("none", "curve")
    }
    assert b"CONNECT" in seen["none"]
    assert b"CONNECT" not in seen["curve"]
    assert len(seen["curve"]) > 100


def eavesdropped(open_end, security):
    """Return the bytes that a node sends to one that never answers."""
    import socket

    end = open_end(0 if security == "none" else 1, security)
    with socket.create_server(("127.0.0.1", 0)) as ear:
        near = f"tcp://127.0.0.1:{ear.getsockname()[1]}"
        end.address = lambda *place: near
        target = open_end(2 if security == "none" else 3, security)
        with contextlib.ExitStack() as stack:
            end.init_connection(target.uid)
            end.send(target.uid, HELLO)
            there = stack.enter_context(ear.accept()[0])
            port = int(target.address(target.rank, 0).rsplit(":", 1)[1])
            onward = socket.create_connection(("127.0.0.1", port))
            stack.enter_context(onward)
            return relay(there, onward, QUIET_S)


def relay(one, two, seconds):
    """Pass bytes between two sockets; return those that came from the first."""
    import select

    seen, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        for source in select.select([one, two], [], [], 0.05)[0]:
            data = source.recv(65536)
            (two if source is one else one).sendall(data)
            seen += data if source is one else b""
    return seen


def test_what_is_too_large_is_not_sent(open_end):
    """Without this the receiver cuts the connection, and nobody says why."""
    end = open_end(0, max_message=10_000)
    end.init_connection(1)
    params = np.zeros(2501, np.float32)
    with pytest.raises(ConfigError, match=r"10004 bytes .* max_message .* 10000"):
        end.send(1, {**MODEL, "params": params})


@pytest.mark.parametrize("security", ["none", "curve"])
def test_what_is_as_large_as_allowed_arrives(open_end, security):
    end, peer = open_end(0, security, max_message=10_000), open_end(1, security)
    peer.max_message = 0
    peer.init_connection(0)
    peer.send(0, {**MODEL, "params": np.zeros(2500, np.float32)})
    assert len(end.receive()[1]["params"]) == 2500


def test_what_is_too_large_is_not_taken(open_end, stranger):
    """The frame is refused by its length alone; others are heard as before."""
    end = open_end(0, max_message=10_000)
    stranger(end, b"1", [b"x" * 20_000])
    assert heard(end) == []
    assert end.rejected == 0
    stranger(end, b"2", sealed(Checksum(), me=2))
    assert heard(end) == [(2, HELLO)]


def options(tmp_path, **added):
    (tmp_path / "ip.json").write_text('{"0": "127.0.0.1", "1": "127.0.0.2"}')
    return {"addresses_filepath": str(tmp_path / "ip.json"), **added}


def prepare(given, scratch, mapping=None, ranks=(0, 1)):
    given = {"offset": free_offset(8), **given}
    return TCP.prepare(given, mapping or Linear(1, 2), 0, list(ranks), scratch)


def test_one_machine_makes_its_key_of_mac(tmp_path):
    made = prepare(options(tmp_path, security="mac"), tmp_path)
    assert len(key_files.read_mac(tmp_path / "mac.key")) == 32
    assert made["key_file"] == str(tmp_path / "mac.key")
    assert os.stat(made["key_file"]).st_mode & 0o777 == 0o600


def test_nodes_of_one_machine_share_a_secret(tmp_path):
    made = prepare(options(tmp_path), tmp_path)
    assert len(key_files.read_mac(Path(made["key_file"]))) == 32
    assert "key_file" not in prepare(options(tmp_path), tmp_path, Linear(2, 2))


def test_a_transport_without_the_option_works_as_before(tmp_path):
    class Own(TCP):
        def __init__(
            self,
            rank,
            machine_id,
            mapping,
            total_procs,
            addresses_filepath,
            offset=9000,
        ):
            raise NotImplementedError

    given = {**options(tmp_path), "offset": free_offset(8)}
    assert Own.prepare(given, Linear(1, 2), 0, [0, 1], tmp_path) == given


def test_ipc_has_mac_too(tmp_path):
    made = IPC.prepare({"security": "mac"}, Linear(1, 2), 0, [0, 1], tmp_path)
    end = IPC(0, 0, Linear(1, 2), 2, **made)
    end.terminate()
    assert isinstance(end.seal, Mac)


def test_several_machines_are_told_how_to_make_a_key(tmp_path):
    with pytest.raises(ConfigError, match=r"key_file: required .* keys --mac FILE"):
        prepare(options(tmp_path, security="mac"), tmp_path, Linear(2, 2))
    with pytest.raises(ConfigError, match=r"keys_dir: required .* keys DIR --nodes N"):
        prepare(options(tmp_path, security="curve"), tmp_path)


def test_a_key_that_is_not_used_is_an_error(tmp_path):
    """Else a user who forgot ``security`` believes to be safe."""
    with pytest.raises(ConfigError, match="key_file: only used with security = mac"):
        prepare(options(tmp_path, key_file="x"), tmp_path)
    with pytest.raises(ConfigError, match="keys_dir: only used with security = curve"):
        prepare(options(tmp_path, security="mac", keys_dir="x"), tmp_path)


def broken_folder(folder, how):
    key_files.make_curve(folder, [0, 1])
    secret, public = folder / "1.secret", folder / "public.json"
    if how == "lost":
        secret.unlink()
    elif how == "readable":
        secret.chmod(0o644)
    elif how == "replaceable":
        public.chmod(0o666)
    elif how == "another's":
        secret.write_bytes((folder / "0.secret").read_bytes())
    elif how == "no key":
        secret.write_bytes(b"~" * 40)
    elif how == "unknown uid":
        public.write_text(json.dumps({"0": json.loads(public.read_text())["0"]}))
    else:
        public.write_text(how)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("lost", r"1\.secret: No such file"),
        ("readable", r"1\.secret: others can read .*mode 644.*chmod 600 .*1\.secret"),
        ("replaceable", r"public\.json: others can replace .*mode 666.*chmod 644"),
        (
            "another's",
            r"1\.secret: does not match the public key of uid 1 in public\.json",
        ),
        ("no key", r"1\.secret: expected a secret key of 40 characters in Z85"),
        ("unknown uid", r"public\.json: no key of uid 1"),
        ("[]", r"public\.json: expected a JSON object"),
        ('{"0": 5}', r"public\.json: expected a JSON object"),
        ('{"0": "short"}', r"public\.json: expected a JSON object"),
    ],
)
def test_bad_keys_of_curve_are_found_before_the_start(tmp_path, how, message):
    broken_folder(tmp_path / "keys", how)
    given = options(tmp_path, security="curve", keys_dir=str(tmp_path / "keys"))
    with pytest.raises(ConfigError, match=message):
        prepare(given, tmp_path)


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (KEY, 0o640, "others can read this key .mode 640.; chmod 600"),
        (b"short", 0o600, "5 bytes; expected a key of 32"),
        (None, 0, "No such file"),
    ],
)
def test_bad_keys_of_mac_are_found_before_the_start(tmp_path, content, mode, message):
    path = tmp_path / "mac.key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    given = options(tmp_path, security="mac", key_file=str(path))
    with pytest.raises(ConfigError, match=message):
        prepare(given, tmp_path, Linear(2, 1), [0])


@pytest.mark.parametrize(
    ("hosts", "security", "warned"),
    [
        ({"127.0.0.1", "127.0.0.2"}, "none", False),
        ({"127.0.0.1", "10.0.0.2"}, "none", True),
        ({"10.0.0.1", "10.0.0.2"}, "mac", False),
    ],
)
def test_open_traffic_between_machines_is_said_once(capsys, hosts, security, warned):
    from decentralizepy.communication.TCP import warn_if_open

    warn_if_open(security, hosts)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == warned
    assert all("security = none" in line for line in said)


def test_a_node_listens_at_its_own_address_alone(open_end):
    end = open_end(0)
    assert end.router.last_endpoint.startswith(b"tcp://127.0.0.1:")


@pytest.mark.parametrize(("machines", "timeout"), [(1, 0), (2, 10)])
def test_machines_that_answer_no_more_are_noticed(tmp_path, machines, timeout):
    mapping = Linear(machines, 2)
    options(tmp_path)
    path = str(tmp_path / "ip.json")
    end = TCP(0, 0, mapping, mapping.n_procs, path, free_offset(4))
    end.terminate()
    assert end.heartbeat_timeout == timeout
