"""One suite for every transport; it breaks when one of them loses, reorders or miscounts."""

import contextlib
import json
import pickle
import socket
import zlib

import numpy as np
import pytest
import zmq

from decentralizepy.communication.InProcess import InProcess, make_exchange
from decentralizepy.communication.IPC import IPC
from decentralizepy.communication.TCP import LOCAL_BUFFER, TCP
from decentralizepy.errors import AddressError
from decentralizepy.mappings.Linear import Linear
from tests.support.ports import free_offset

HELLO = {"HELLO": 0, "CHANNEL": "CONNECT"}


class Pickled:
    """Encodes messages as in transports written for DecentralizePy."""

    def encrypt(self, data):
        return zlib.compress(pickle.dumps(data))

    def decrypt(self, sender, data):
        return int(sender.decode()), pickle.loads(zlib.decompress(data))


@pytest.fixture(params=["TCP", "IPC", "InProcess"])
def make(request, tmp_path):
    """Return a function from a rank to that node's end of one network of three."""
    mapping, ends = Linear(1, 3), []
    addresses = tmp_path / "ip.json"
    addresses.write_text(json.dumps({"0": "localhost"}))
    exchange, offset = make_exchange(3), free_offset(8)

    def make(rank, *mixins):
        cls = {"TCP": TCP, "IPC": IPC, "InProcess": InProcess}[request.param]
        options = {
            "TCP": {"addresses_filepath": str(addresses), "offset": offset},
            "IPC": {"socket_dir": str(tmp_path)},
            "InProcess": {"exchange": exchange},
        }
        kind = type(cls.__name__, (*mixins, cls), {})
        ends.append(kind(rank, 0, mapping, 3, **options[request.param]))
        return ends[-1]

    yield make
    for end in ends:
        end.terminate(0)  # not waiting for receivers that no longer acknowledge


def test_messages_arrive_in_order_and_are_counted(make):
    sender, receiver = make(0), make(1)
    sender.init_connection(1)
    assert sender.already_connected(1)
    params = np.arange(100_000, dtype=np.float32)
    for iteration in range(3):
        message = {"CHANNEL": "DPSGD", "iteration": iteration, "params": params}
        sender.send(1, message)
    for iteration in range(3):
        uid, message = receiver.receive()
        assert (uid, message["iteration"]) == (0, iteration)
        assert np.array_equal(message["params"], params)
    assert sender.total_data == 3 * params.nbytes
    assert sender.total_bytes == sender.total_data + sender.total_meta
    assert 0 < sender.total_meta < 3 * 200
    assert receiver.total_bytes == 0


def test_a_broadcast_counts_once_for_each_receiver(make):
    sender, receivers = make(0), [make(1), make(2)]
    for uid in (1, 2):
        sender.init_connection(uid)
    message = {"CHANNEL": "DPSGD", "iteration": 0, "params": np.ones(10, np.float32)}
    sender.broadcast([1, 2], message)
    for receiver in receivers:
        uid, received = receiver.receive()
        assert uid == 0
        assert np.array_equal(received["params"], message["params"])
    assert sender.total_data == 2 * 40


def test_what_travels_besides_messages_is_counted(tmp_path):
    """The sum of the counters is what the sockets carried after they had met."""
    ends = [IPC(rank, 0, Linear(1, 2), 2, socket_dir=str(tmp_path)) for rank in (0, 1)]
    ends[0].init_connection(1)
    params = np.ones(5000, np.float32)
    for iteration in range(3):
        ends[0].send(1, {"CHANNEL": "DPSGD", "iteration": iteration, "params": params})
        assert ends[1].receive()[1]["iteration"] == iteration
    assert ends[1].receive(block=False) is None  # time to acknowledge the last one
    ends[0].terminate()
    ends[1].terminate()
    # 37 bytes of number and seal, 2 + 1 of the header's length, 2 and 9 of ZeroMQ's
    assert (
        ends[0].total_control == 3 * (37 + 3 + 2 + 9) + 37 + 2
    )  # and a first question
    answers, rest = divmod(ends[1].total_control, 37 + 2)
    assert (2 <= answers <= 4, rest) == (True, 0)
    assert ends[0].total_bytes == ends[0].total_data + ends[0].total_meta


def test_a_subclass_may_encode_messages_as_bytes(make):
    sender, receivers = make(0, Pickled), [make(1, Pickled), make(2, Pickled)]
    for uid in (1, 2):
        sender.init_connection(uid)
    params = np.zeros(10_000, np.float32)
    message = {"CHANNEL": "DPSGD", "iteration": 0, "params": params}
    size = len(sender.encrypt(message))
    sender.send(1, message)
    sender.broadcast([1, 2], message)
    for receiver, count in zip(receivers, (2, 1), strict=True):
        for _ in range(count):
            uid, received = receiver.receive()
            assert uid == 0
            assert np.array_equal(received["params"], params)
    assert sender.total_bytes == sender.total_meta == 3 * size


def test_a_message_may_be_sent_before_its_receiver_is_there(make):
    sender = make(0)
    sender.init_connection(2)
    sender.send(2, HELLO)
    assert make(2).receive() == (0, HELLO)


def test_the_sender_may_change_its_array_after_sending(make):
    sender, receiver = make(0), make(1)
    sender.init_connection(1)
    receiver.init_connection(0)  # a stranger may not send as much
    sender.send(1, HELLO)
    assert receiver.receive() == (0, HELLO)
    params = np.ones(1_000_000, np.float32)
    sender.send(1, {"CHANNEL": "DPSGD", "iteration": 0, "params": params})
    params[:] = 7
    assert receiver.receive()[1]["params"].max() == 1


def test_without_block_nothing_is_none(make):
    assert make(0).receive(block=False) is None


def test_a_service_is_reached_by_its_rank(make):
    node, service = make(0), make(-1)
    node.init_connection(-1)
    node.send(-1, HELLO)
    assert service.receive() == (0, HELLO)
    service.init_connection(0)
    service.send(0, HELLO)
    assert node.receive() == (-1, HELLO)


def test_garbage_and_strangers_are_dropped_and_counted(tmp_path):
    receiver = IPC(0, 0, Linear(1, 2), 2, socket_dir=str(tmp_path))
    frames = [[b"garbage"], [b""], [b"\x81\xa7CHANNEL", b"x"], [b"a", b"b", b"c"]]
    identities = [b"1", b"99", b"abc", b"01", b"\xd9\xa1", b"-0"]
    with contextlib.ExitStack() as stack:
        stack.callback(receiver.terminate)
        context = stack.enter_context(zmq.Context())
        for identity in identities:
            stranger = stack.enter_context(context.socket(zmq.DEALER))
            stranger.identity = identity
            stranger.connect(receiver.address(0, 0))
            for garbage in frames:
                stranger.send_multipart(garbage)
        expected = len(identities) * len(frames)
        while receiver.rejected < expected:
            assert receiver.receive(block=False) is None


@pytest.mark.parametrize(("machines", "kept"), [(1, LOCAL_BUFFER), (2, -1)])
def test_little_of_a_model_waits_in_the_kernel_of_one_machine(tmp_path, machines, kept):
    """More of it no longer fits the cache; slow networks need what the kernel grants."""
    mapping, addresses = Linear(machines, 2), '{"0": "localhost", "1": "localhost"}'
    given = tcp_options(tmp_path, addresses, offset=free_offset(8))
    end = TCP(0, 0, mapping, mapping.get_n_procs(), **given)
    end.init_connection(1)
    assert end.peer_sockets[1].sndbuf == kept
    end.terminate(0)


def tcp_options(tmp_path, text='{"0": "localhost"}', **options):
    path = tmp_path / "ip.json"
    path.write_text(text)
    return {"addresses_filepath": str(path), **options}


def prepare(transport, options, mapping=None, machine=0):
    mapping = mapping or Linear(1, 2)
    return transport.prepare(options, mapping, machine, [0, 1], "/scratch")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "no JSON"),
        ("[]", "expected a JSON object"),
        ('{"0": 1}', 'machine "0": expected a host name or an IP address, not 1'),
        ("{}", 'no machine "0"; it has none'),
        ('{"1": "localhost"}', 'no machine "0"; it has 1'),
        ('{"0": "no.such.host.invalid"}', "'no.such.host.invalid' does not resolve"),
    ],
)
def test_a_bad_address_file_is_found_before_the_start(tmp_path, text, message):
    with pytest.raises(AddressError, match=message):
        prepare(TCP, tcp_options(tmp_path, text))


def test_a_missing_address_file_names_the_key(tmp_path):
    options = {"addresses_filepath": str(tmp_path / "none.json")}
    with pytest.raises(
        AddressError, match=r"addresses_filepath = .*none\.json: No such"
    ):
        prepare(TCP, options)


def test_every_machine_of_the_network_needs_an_address(tmp_path):
    with pytest.raises(AddressError, match='no machine "1"; it has 0'):
        prepare(TCP, tcp_options(tmp_path), Linear(2, 2))


def test_a_port_in_use_is_named_with_its_owner(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options = tcp_options(tmp_path, offset=port - 3)
        with pytest.raises(AddressError, match=f"port {port} .* by process"):
            prepare(TCP, options)


def test_a_port_beyond_the_last_is_refused(tmp_path):
    with pytest.raises(AddressError, match=r"offset = 65533: rank 1 .* 65536"):
        prepare(TCP, tcp_options(tmp_path, offset=65_533))


def test_unix_sockets_reach_one_machine_and_short_paths():
    with pytest.raises(AddressError, match="one machine"):
        prepare(IPC, {}, Linear(2, 2))
    with pytest.raises(AddressError, match="limited to 90 bytes; expected a shorter"):
        prepare(IPC, {"socket_dir": "/" + "x" * 100})
    assert prepare(IPC, {}) == {"socket_dir": "/scratch"}


@pytest.mark.parametrize("how", ["others", "link", "file"])
def test_a_folder_that_others_can_enter_is_refused(tmp_path, how):
    """Else anybody on the machine connects to a node, or is connected to in its place."""
    folder, cause = tmp_path / "sockets", "others can enter it .mode 777.; chmod 700"
    if how == "others":
        folder.mkdir()
        folder.chmod(0o777)
    elif how == "link":
        (tmp_path / "target").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "target")
        cause = "a symbolic link"
    else:
        folder.write_text("")
        cause = "File exists"
    for make in (
        lambda: prepare(IPC, {"socket_dir": str(folder)}),
        lambda: IPC(0, 0, Linear(1, 2), 2, socket_dir=str(folder)),
    ):
        with pytest.raises(AddressError, match=f"socket_dir = .*sockets: {cause}"):
            make()


def test_a_long_temporary_folder_is_told_with_the_way_out():
    long = "/" + "x" * 100
    with pytest.raises(AddressError, match=r"the default is /x.*; expected socket_dir"):
        IPC.prepare({}, Linear(1, 2), 0, [0, 1], long)
