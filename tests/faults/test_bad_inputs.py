"""Each invalid input ends with status 2 and its exact message, before anything starts."""

import json
import os
import pickle
import signal
import subprocess
import sys

import pytest
import torch

from decentralizepy.commands.graph import main as generate
from decentralizepy.engines.process import LocalNodes
from decentralizepy.launcher import launch
from decentralizepy.node.DPSGDNode import DPSGDNode
from decentralizepy.node.DPSGDNodeFederated import DPSGDNodeFederated
from decentralizepy.node.DPSGDWithPeerSampler import DPSGDWithPeerSampler
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.node.KNN import KNN
from decentralizepy.node.PeerSamplerDynamic import PeerSamplerDynamic
from decentralizepy.node.STC.STCClient import STCClient
from decentralizepy.node.STC.STCServer import STCServer
from tests.support import ROOT
from tests.support.ports import free_offset

NODES = 4

INI = """\
[DATASET]
dataset_package = tests.support.toy
dataset_class = Points
model_class = Linear
random_seed = 3
[OPTIMIZER_PARAMS]
optimizer_package = torch.optim
optimizer_class = SGD
lr = 0.2
momentum = 0.9
nesterov = yes
[TRAIN_PARAMS]
training_package = decentralizepy.training.Training
training_class = Training
rounds = 2
full_epochs = False
batch_size = 4
shuffle = True
loss_package = torch.nn
loss_class = CrossEntropyLoss
[COMMUNICATION]
comm_package = decentralizepy.communication.TCP
comm_class = TCP
addresses_filepath = ip.json
offset = 9000
recv_timeout = 50
[SHARING]
sharing_package = decentralizepy.sharing.JWINS.JWINS
sharing_class = JWINS
alpha_list = [0.1, 1.0]
wavelet = sym2
level = 4
accumulation = True
metadata_cap = 0.5
[GRAPH]
graph_package = decentralizepy.graphs.Regular
graph_class = Regular
degree = 2
seed = 1
[NODE]
graph_degree = 2
timeout = 1.5
K = 2
initial_neighbors = 2
gossip_rounds = 3
[FAULTS]
peer_timeout = 30
start_timeout = 30
warn_after = 5
[RUN]
procs_per_machine = 4
iterations = 3
log_dir = log
weights_store_dir = log
"""


def sharing(name, options="", package=None):
    """Return the change of INI that takes another sharing."""
    start = INI.index("sharing_package")
    old = INI[start : INI.index("[GRAPH]")]
    place = package or f"decentralizepy.sharing.{name}"
    return old, f"sharing_package = {place}\nsharing_class = {name}\n{options}\n"


def graph(name, options=""):
    start = INI.index("graph_package")
    old = INI[start : INI.index("[NODE]")]
    return (
        old,
        f"graph_package = decentralizepy.graphs.{name}\ngraph_class = {name}\n{options}\n",
    )


def changed(*changes):
    text = INI
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def without(name):
    """Return INI without one section."""
    parts = f"\n{INI}".split("\n[")
    return "\n[".join(part for part in parts if not part.startswith(f"{name}]"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Stand in a folder with an INI file, an address file and no run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ip.json").write_text('{"0": "localhost"}')
    (tmp_path / "run.ini").write_text(INI)
    set_offset(tmp_path)
    return tmp_path


def set_offset(folder):
    """Give the nodes ports that nobody has; what is wrong is to be something else."""
    file, offset = folder / "run.ini", free_offset(2 * NODES + 2)
    file.write_bytes(
        file.read_bytes().replace(b"offset = 9000", b"offset = %d" % offset)
    )


@pytest.fixture
def refused(folder, monkeypatch, capsys):
    """Return a function that launches in this process, and returns the lines on stderr."""

    def start(self):
        pytest.fail("processes would have been started")

    monkeypatch.setattr(LocalNodes, "start", start)
    monkeypatch.setattr(sys, "path", [*sys.path])
    handler, threads = signal.getsignal(signal.SIGTERM), torch.get_num_threads()

    def refused(*argv, classes=(), config="run.ini"):
        set_offset(folder)
        with pytest.raises(SystemExit) as stop:
            launch(*classes, argv=["-cf", config, *argv])
        out, err = capsys.readouterr()
        assert (stop.value.code, out) == (2, "")
        assert_nothing_ran(folder)
        return err.splitlines()

    yield refused
    signal.signal(signal.SIGTERM, handler)
    torch.set_num_threads(threads)


def assert_nothing_ran(folder):
    log = folder / "log"
    made = {path.name for path in log.iterdir()} if log.exists() else set()
    assert not made - {"run.ini", "args.json"}, made


# -- INI files -----------------------------------------------------------------


def test_a_byte_order_mark_and_ends_of_lines_of_windows_are_fine(folder, refused):
    """Such a file is read to its end: only what is wrong in it is told."""
    text = changed(("lr = 0.2", "lr = -1")).replace("\n", "\r\n")
    (folder / "run.ini").write_bytes(b"\xef\xbb\xbf" + text.encode())
    [line] = refused()
    assert "Invalid learning rate: -1" in line


# -- sections ------------------------------------------------------------------

REQUIRED = ("DATASET", "OPTIMIZER_PARAMS", "TRAIN_PARAMS", "COMMUNICATION", "SHARING")
WRITTEN = (*REQUIRED, "GRAPH", "NODE", "FAULTS", "RUN")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_section_that_is_misspelt(folder, refused, name):
    wrong = f"{name[0]}{name[2:]}"
    (folder / "run.ini").write_text(changed((f"[{name}]", f"[{wrong}]")))
    line = f"run.ini: section [{wrong}] is unknown; did you mean [{name}]?"
    assert refused() == [line]


# -- keys ----------------------------------------------------------------------


def keys():
    """Return the keys of INI as (section, key, class or section that takes it)."""
    found, section = [], ""
    for line in INI.splitlines():
        if line.startswith("["):
            section = line[1:-1]
        else:
            found.append((section, line.split(" = ")[0]))
    return found


NAMING = ("_package", "_class")
OWNERS = {
    "DATASET": "Points",
    "OPTIMIZER_PARAMS": "SGD",
    "TRAIN_PARAMS": "Training",
    "COMMUNICATION": "TCP",
    "SHARING": "JWINS",
    "GRAPH": "Regular",
    "NODE": "NODE",
    "FAULTS": "FAULTS",
}
OPEN = ("DATASET", "random_seed")  # of a class of the user's own: warned of
LONG = [each for each in keys() if len(each[1]) > 2 and each != OPEN]


@pytest.mark.parametrize(("section", "key"), LONG)
def test_every_key_that_is_misspelt_is_told_with_the_right_one(
    folder, refused, section, key
):
    middle = len(key) // 2
    wrong = f"{key[: middle - 1]}{key[middle:]}"
    (folder / "run.ini").write_text(changed((f"\n{key} =", f"\n{wrong} =")))
    if key.endswith(NAMING):
        what = f"{wrong}: not a key of this section; did you mean {key}?"
    elif section == "RUN":
        what = f"{wrong}: no such flag; did you mean {key}?"
    else:
        what = f"{wrong}: not an option of {OWNERS[section]}; did you mean {key}?"
    assert refused() == [f"run.ini: [{section}] {what}"]


KINDS = {
    "a whole number": "rounds batch_size offset recv_timeout level degree seed",
    "a number": "lr momentum metadata_cap",
    "true or false": "nesterov full_epochs shuffle accumulation",
}
TYPED = [(key, kind) for kind, names in KINDS.items() for key in names.split()]


@pytest.mark.parametrize("value", ["No thanks", "[1]"])
@pytest.mark.parametrize(("key", "kind"), TYPED)
def test_every_key_of_the_wrong_type_is_told_with_the_right_one(
    folder, refused, key, kind, value
):
    section = next(section for section, each in keys() if each == key)
    old = next(line for line in INI.splitlines() if line.startswith(f"{key} ="))
    (folder / "run.ini").write_text(changed((old, f"{key} = {value}")))
    line = f"[{section}] {key} = {value}: expected {kind} ({OWNERS[section]})"
    assert refused() == [f"run.ini: {line}"]


# -- values, classes, pairs ----------------------------------------------------

VALUES = {
    # values of the wrong type
    "a node's count": (("K = 2", "K = 0"), "[NODE] k = 0: expected a number greater than or equal to 1 (NODE)"),
    "a node's time": (("timeout = 1.5", "timeout = soon"), "[NODE] timeout = soon: expected a number (NODE)"),
    "a limit": (("warn_after = 5", "warn_after = 0"), "[FAULTS] warn_after = 0: expected a number greater than 0 (FAULTS)"),
    # values out of range
    "lr below 0": (("lr = 0.2", "lr = -0.1"), "[OPTIMIZER_PARAMS] optimizer_class = SGD: Invalid learning rate: -0.1"),
    "options that exclude each other": (("momentum = 0.9\n", ""), "[OPTIMIZER_PARAMS] optimizer_class = SGD: Nesterov momentum requires a momentum and zero dampening"),
    "batch_size 0": (("batch_size = 4", "batch_size = 0"), "[TRAIN_PARAMS] batch_size = 0: expected a number greater than or equal to 1 (Training)"),
    "rounds -1": (("rounds = 2", "rounds = -1"), "[TRAIN_PARAMS] rounds = -1: expected a number greater than or equal to 1 (Training)"),
    "alpha above 1": (sharing("PartialModel", "alpha = 1.5"), "[SHARING] alpha = 1.5: expected a number less than or equal to 1 (PartialModel)"),
    "alpha 0": (sharing("PartialModel", "alpha = 0"), "[SHARING] alpha = 0: expected a number greater than 0 (PartialModel)"),
    "step_size of Choco": (sharing("Choco", "alpha = 1\nstep_size = 2"), "[SHARING] step_size = 2: expected a number less than or equal to 1 (Choco)"),
    "bits of QSGD": (sharing("QSGD", "bits = 9"), "[SHARING] bits = 9: expected a number less than or equal to 8 (QSGD)"),
    "a device": (("shuffle = True", "device = gpu"), "[TRAIN_PARAMS] device = gpu: expected cpu, cuda, cuda:N or auto"),
    "a precision": (("shuffle = True", "precision = half"), "[TRAIN_PARAMS] precision = half: expected float32 or bf16 (Training)"),
    "a graph that cannot be": (("degree = 2", "degree = 4"), "[GRAPH] graph_class = Regular: 4 nodes cannot all have degree 4: it must be a number from 0 to 3"),
    # text that is not the value it should be
    "per cent": (("lr = 0.2", "lr = 20%"), "[OPTIMIZER_PARAMS] lr = 20%: expected a number (SGD)"),
    "a list of no numbers": (("[0.1, 1.0]", "[0.1, x]"), "[SHARING] alpha_list = [0.1, x]: expected numbers in (0, 1], such as [0.1, 0.4, 1.0]"),
    # classes that cannot be loaded
    "no such package": (("decentralizepy.sharing.JWINS.JWINS", "decentralizepy.sharing.JWIN.JWINS"), "[SHARING] sharing_package = decentralizepy.sharing.JWIN.JWINS: no module decentralizepy.sharing.JWIN; did you mean decentralizepy.sharing.JWINS?"),
    "no such class": (("sharing_class = JWINS", "sharing_class = JWIN"), "[SHARING] sharing_class = JWIN: no such class in decentralizepy.sharing.JWINS.JWINS; did you mean JWINS?"),
    "no such model": (("model_class = Linear", "model_class = Liner"), "[DATASET] model_class = Liner: no such class in tests.support.toy; did you mean Linear?"),
    "a module that lacks another": (("dataset_package = tests.support.toy", "dataset_package = lacking"), "[DATASET] dataset_package = lacking: needs pywt_two, which is not installed: pip install pywt_two"),
    "another kind of class": (("dataset_class = Points", "dataset_class = Linear"), "[DATASET] dataset_class = Linear: does not take the arguments rank machine_id mapping"),
    "a loss with arguments": (("loss_class = CrossEntropyLoss", "loss_class = Linear"), "[TRAIN_PARAMS] loss_class = Linear: cannot be made without in_features and out_features"),
    "a compressor": (sharing("Sharing", "compress = yes\ncompression_package = decentralizepy.compression.Elias\ncompression_class = Elas"), "[SHARING] compression_class = Elas: no such class in decentralizepy.compression.Elias; did you mean Elias?"),
    # parts that do not go together
}  # fmt: skip


@pytest.mark.parametrize(("change", "line"), VALUES.values(), ids=VALUES)
def test_a_value_that_cannot_be(folder, refused, change, line):
    (folder / "lacking.py").write_text("import pywt_two")
    (folder / "run.ini").write_text(changed(change))
    assert refused() == [f"run.ini: {line}"]


PAYLOAD = "__import__('os').system('touch ran')"


@pytest.mark.parametrize(
    "change",
    [
        ("[0.1, 1.0]", f"[{PAYLOAD}]"),
        ("[0.1, 1.0]", PAYLOAD),
        ("random_seed = 3", f"sizes = [{PAYLOAD}]"),
        ("random_seed = 3", f"sizes = {PAYLOAD}"),
    ],
)
def test_a_program_in_a_list_does_not_run(folder, refused, change):
    digits = "decentralizepy.datasets.Digits\ndataset_class = Digits\nmodel_class = MLP"
    toy = "tests.support.toy\ndataset_class = Points\nmodel_class = Linear"
    (folder / "run.ini").write_text(changed(change, (toy, digits)))
    [line] = refused()
    assert PAYLOAD in line
    assert ": expected " in line
    assert not (folder / "ran").exists()


def test_all_that_is_wrong_in_a_text_is_told_at_once(folder, refused):
    changes = [
        ("[DATASET]", "[DATASETS]"),
        ("lr = 0.2", "lr = -1"),  # of a class: told when the text is right
        ("K = 2", "KK = 2"),
        ("iterations", "itrations"),
    ]
    (folder / "run.ini").write_text(changed(*changes))
    assert refused() == [
        "run.ini: section [DATASETS] is unknown; did you mean [DATASET]?",
        "run.ini: [NODE] kk: not an option of NODE; did you mean k?",
        "run.ini: [RUN] itrations: no such flag; did you mean iterations?",
    ]


def test_all_that_is_wrong_with_classes_is_told_at_once(folder, refused):
    changes = [
        ("lr = 0.2", "lr = -1"),
        ("batch_size = 4", "batch_size = 0"),
        ("comm_class = TCP", "comm_class = TPC"),
        ("wavelet = sym2", "wavelet = sim2"),
    ]
    (folder / "run.ini").write_text(changed(*changes))
    assert refused() == [
        "run.ini: [OPTIMIZER_PARAMS] optimizer_class = SGD: Invalid learning rate: -1",
        "run.ini: [TRAIN_PARAMS] batch_size = 0: expected a number greater than or equal to 1 (Training)",
        "run.ini: [COMMUNICATION] comm_class = TPC: no such class in "
        "decentralizepy.communication.TCP; did you mean TCP?",
        "run.ini: [SHARING] wavelet = sim2: no discrete wavelet; did you mean sym2?",
    ]


CHOCO = sharing("Choco", "alpha = 0.5\nstep_size = 0.5")
GOSSIP, SUM, STC = sharing("PowerGossip"), sharing("PushSum"), sharing("STC")
MATCHING = graph("RandomMatching")
STEADY = "needs the same neighbors in every round"
PAIRS = {
    "Choco, a changing graph": ((), [CHOCO, MATCHING], f"[SHARING] sharing_class = Choco: {STEADY}; [GRAPH] graph_class = RandomMatching changes"),
    "PowerGossip, a changing graph": ((), [GOSSIP, MATCHING], f"[SHARING] sharing_class = PowerGossip: {STEADY}; [GRAPH] graph_class = RandomMatching changes"),
    "Choco, Epidemic Learning": ((EL_Local,), [CHOCO], f"[SHARING] sharing_class = Choco: {STEADY}; EL_Local redraws them every round"),
    "Choco, a sampler": ((DPSGDWithPeerSampler, PeerSamplerDynamic), [CHOCO], f"[SHARING] sharing_class = Choco: {STEADY}; PeerSamplerDynamic redraws them every round"),
    "PowerGossip, one way": ((), [GOSSIP, graph("Exponential")], "[SHARING] sharing_class = PowerGossip: needs the edges of the graph, both ways; [GRAPH] graph_class = Exponential is directed"),
    "PowerGossip, an overlay": ((KNN,), [GOSSIP], "[SHARING] sharing_class = PowerGossip: needs the edges of the graph, both ways; KNN builds others"),
    "PushSum, a server": ((DPSGDNodeFederated, FederatedParameterServer), [SUM], "[SHARING] sharing_class = PushSum: has no server; DPSGDNodeFederated takes Sharing"),
    "STC among peers": ((), [STC], "[SHARING] sharing_class = STC: needs the nodes STCClient and STCServer, not DPSGDNode"),
    "STC's nodes alone": ((STCClient, STCServer), [], "[SHARING] sharing_class = JWINS: STCClient needs the sharing STC"),
    "no server": ((DPSGDNodeFederated,), [], "[NODE] server_class: missing; DPSGDNodeFederated needs FederatedParameterServer"),
    "another server": ((STCClient, FederatedParameterServer), [STC], "[NODE] server_class = FederatedParameterServer: STCClient needs STCServer"),
    "a server too many": ((DPSGDNode, FederatedParameterServer), [], "[NODE] server_class = FederatedParameterServer: DPSGDNode needs no service"),
}  # fmt: skip


@pytest.mark.parametrize(("classes", "changes", "line"), PAIRS.values(), ids=PAIRS)
def test_parts_that_do_not_go_together(folder, refused, classes, changes, line):
    (folder / "run.ini").write_text(changed(*changes))
    assert refused(classes=classes) == [f"run.ini: {line}"]


def test_unix_sockets_reach_one_machine_only(folder, refused):
    change = (
        "communication.TCP\ncomm_class = TCP",
        "communication.IPC\ncomm_class = IPC",
    )
    (folder / "run.ini").write_text(changed(change))
    assert refused("-ms", "2", "-ps", "2") == [
        "[COMMUNICATION] comm_class = IPC: Unix sockets work on one machine only; use TCP"
    ]


# -- graphs --------------------------------------------------------------------

GRAPHS = {
    "garbage": ("edges", "\x00\x01\n\x7f\n", "g, line 1: '\\x00\\x01' is not a number"),
    "no number": ("edges", "four\n0 1\n", "g, line 1: 'four' is not a number"),
    "a word": ("edges", "4\n0 one\n", "g, line 2: 'one' is not a number"),
    "too many nodes": ("edges", "5\n0 1\n1 2\n2 3\n3 4\n", "g: a graph of 5 nodes, but there are 4 processes (-ms 1, -ps [4])"),
    "too few nodes": ("edges", "3\n0 1\n1 2\n", "g: a graph of 3 nodes, but there are 4 processes (-ms 1, -ps [4])"),
    "two islands": ("edges", "4\n0 1\n2 3\n", "--graph_file g: not connected: 2 parts, of 2, 2 nodes, would train separately; --allow_disconnected allows this"),
    "a node alone": ("edges", "4\n0 1\n1 2\n", "--graph_file g: not connected: 2 parts, of 3, 1 nodes, would train separately; --allow_disconnected allows this"),
    "no edges": ("adjacency", "4\n\n\n\n\n", "--graph_file g: not connected: 4 parts, of 1, 1, 1, 1 nodes, would train separately; --allow_disconnected allows this"),
    "edges for rows": ("adjacency", "4\n0 1\n1 2\n2 3\n3 0\n0 2\n", "g, line 6: a row too many: line 1 says 4 nodes"),
}  # fmt: skip


@pytest.mark.parametrize(("form", "text", "line"), GRAPHS.values(), ids=GRAPHS)
def test_a_graph_that_cannot_be(folder, refused, form, text, line):
    (folder / "g").write_text(text)
    assert refused("-gf", "g", "-gt", form) == [line]


def test_a_graph_that_is_not_there(folder, refused):
    line = "g: the graph cannot be read: No such file or directory"
    assert refused("-gf", "g") == [line]


def test_no_graph_at_all(folder, refused):
    (folder / "run.ini").write_text(without("GRAPH"))
    assert refused() == [
        "--graph_file 36_nodes.edges: no such file, and run.ini has no section [GRAPH]: "
        "expected one of them"
    ]


def test_islands_of_many_nodes_are_not_all_listed(folder, refused):
    (folder / "g").write_text("20\n")
    [line] = refused("-gf", "g", "-ps", "20")
    assert f"20 parts, of {'1, ' * 10}... nodes" in line


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("4\n0 1\n2 3\n", (DPSGDNodeFederated, FederatedParameterServer)),
        ("4\n0 1\n2 3\n", (DPSGDWithPeerSampler, PeerSamplerDynamic)),
    ],
)
def test_islands_do_not_matter_where_models_go_elsewhere(
    folder, refused, text, classes
):
    """The next thing that is wrong is told, so the graph was let through."""
    (folder / "g").write_text(text)
    (folder / "ip.json").write_text("{}")
    [*_, line] = refused("-gf", "g", classes=classes)
    assert line == 'ip.json: no machine "0"; it has none'


@pytest.mark.parametrize("text", ["4\n0 1\n0 1\n1 2\n2 3\n", "4\n0 0\n0 1\n1 2\n2 3\n"])
def test_a_loop_or_an_edge_twice_is_as_if_it_were_not_there(folder, refused, text):
    (folder / "g").write_text(text)
    (folder / "ip.json").write_text("{}")
    assert refused("-gf", "g") == ['ip.json: no machine "0"; it has none']


def test_islands_are_let_through_if_asked_for(folder, refused):
    (folder / "g").write_text("4\n0 1\n2 3\n")
    (folder / "ip.json").write_text("{}")
    [*_, line] = refused("-gf", "g", "--allow_disconnected")
    assert line == 'ip.json: no machine "0"; it has none'


def test_a_file_of_rows_is_mended(folder, capsys):
    """The message of an asymmetric file names a command; it must do what it says."""
    (folder / "g").write_text("4\n1 3\n0 2\n1 3\n2\n")
    assert generate(["--symmetrize", "g", "-a", "-f", "new"]) == 0
    assert (folder / "new").read_text() == "4\n1 3\n0 2\n1 3\n0 2\n"
    assert capsys.readouterr().out.startswith("new: 4 nodes, 4 edges")


# -- addresses -----------------------------------------------------------------

ADDRESSES = {
    "no JSON": ("0: localhost", "ip.json, line 1: no JSON: Extra data"),
    "an open object": ('{"0": "localhost"\n', "ip.json, line 2: no JSON: Expecting ',' delimiter"),
    "empty": ("", "ip.json, line 1: no JSON: Expecting value"),
    "a list": ('["localhost"]', 'ip.json: expected a JSON object of machines and hosts, as {"0": "localhost"}'),
    "deep": ("[" * 100_000, "ip.json: no JSON: too deep"),
    "a number": ('{"0": 127}', 'ip.json: machine "0": expected a host name or an IP address, not 127'),
    "no host": ('{"0": ""}', 'ip.json: machine "0": expected a host name or an IP address, not ""'),
    "twice": ('{"0": "localhost", "0": "127.0.0.2"}', 'ip.json: machine "0": given twice'),
    "another machine": ('{"zero": "localhost"}', 'ip.json: no machine "0"; it has zero'),
    "no such host": ('{"0": "no-such-host.invalid"}', "ip.json: machine \"0\": the name 'no-such-host.invalid' does not resolve"),
    "no such address": ('{"0": "300.1.1.1"}', "ip.json: machine \"0\": '300.1.1.1' is not an IP address: expected four numbers from 0 to 255 without leading zeros, as 10.0.0.1"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line"), ADDRESSES.values(), ids=ADDRESSES)
def test_an_address_file_that_cannot_be(folder, refused, text, line):
    (folder / "ip.json").write_text(text)
    assert refused() == [line]


def test_an_address_file_that_is_not_text(folder, refused):
    (folder / "ip.json").write_bytes(b"\x80\x04pickle")
    assert refused() == ["ip.json: not text in UTF-8"]


def test_an_address_file_that_is_not_there(folder, refused):
    (folder / "ip.json").unlink()
    assert refused() == [
        "[COMMUNICATION] addresses_filepath = ip.json: No such file or directory"
    ]


def test_an_address_of_another_machine(folder, refused):
    (folder / "ip.json").write_text('{"0": "192.0.2.1"}')
    assert refused() == [
        "192.0.2.1 is not an address of this machine; correct the address file or -mid"
    ]


def test_a_machine_without_an_address(folder, refused):
    assert refused("-ms", "2", "-ps", "2") == ['ip.json: no machine "1"; it has 0']


def test_machines_at_the_same_address(folder, refused):
    (folder / "ip.json").write_text('{"0": "localhost", "1": "127.0.0.1"}')
    assert refused("-ms", "2", "-ps", "2") == [
        'ip.json: machines "0" and "1" are both 127.0.0.1: their nodes would listen at '
        "the same ports"
    ]


# -- arguments -----------------------------------------------------------------

ARGUMENTS = {
    "an unknown flag": ("--itrations 5", "--itrations: no such flag; did you mean --iterations?"),
    "a flag like none": ("-xyz 5", "-xyz: no such flag"),
    "a stray word": ("5", "5: not a flag, and no flag takes it"),
    "no value": ("-is", "-is/--iterations: expected one argument"),
    "no values": ("-ps", "-ps/--procs_per_machine: expected at least one argument"),
    "a word": ("-is many", "-is/--iterations: many: expected a whole number from 1 up"),
    "a setting": ("--set lr=1", "--set lr=1: expected SECTION.key=value"),
    "a set value": ("--set OPTIMIZER_PARAMS.lr=abc", "--set: [OPTIMIZER_PARAMS] lr = abc: expected a number (SGD)"),
    "no processes": ("-ps 0", "a mapping has at least 1 machine and 1 process, not 1 machines and 0 processes"),
    "a machine too high": ("-mid 1", "--machine_id 1: expected a number below --machines 1; machines are counted from 0"),
    "a server's machine": ("-sm 2 -ms 2", "--server_machine 2: expected a number below --machines 2; machines are counted from 0"),
    "unlike machines": ("-ms 3 -ps 1 3", "procs_per_machine [1, 3]: expected 3 numbers of processes, one for each machine, none of them negative"),
    "a graph of more nodes": (f"-gf {ROOT}/tutorial/regular_16.txt", f"{ROOT}/tutorial/regular_16.txt: a graph of 16 nodes, but there are 4 processes (-ms 1, -ps [4])"),
    "too many processes": ("-ps 2", "run.ini: [GRAPH] graph_class = Regular: 2 nodes cannot all have degree 2: it must be a number from 0 to 1"),
}  # fmt: skip


@pytest.mark.parametrize(("argv", "line"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_that_cannot_be(refused, argv, line):
    assert refused(*argv.split()) == [line]


MANUAL = "mapping_package = decentralizepy.mappings.Manual\nmapping_class = Manual"


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ("-ms 2 -ps 4", "procs_per_machine [4]: expected 2 numbers"),
        ("-ms 2 -ps 1 1 2", "procs_per_machine [1, 1, 2]: expected 2 numbers"),
    ],
)
def test_a_count_for_each_machine(folder, refused, argv, line):
    (folder / "run.ini").write_text(f"{INI}[MAPPING]\n{MANUAL}\n")
    rest = " of processes, one for each machine, none of them negative"
    assert refused(*argv.split()) == [line + rest]


def test_a_service_has_a_rank_below_0(refused):
    classes = (DPSGDNodeFederated, FederatedParameterServer)
    assert refused("-sr", "0", classes=classes) == [
        "--server_rank 0: expected a number below 0, as those from 0 are the nodes'"
    ]


def test_no_number_of_processes_is_one_process(folder, refused):
    """Upstream fell over this default; here the graph is what does not suit it."""
    (folder / "run.ini").write_text(changed(("procs_per_machine = 4\n", "")))
    [line] = refused()
    assert line.startswith("run.ini: [GRAPH] graph_class = Regular: 1 nodes cannot")


# -- data ----------------------------------------------------------------------

CIFAR = "cifar-10-batches-py"


def data(options="", name="Digits", model="MLP"):
    toy = "tests.support.toy\ndataset_class = Points\nmodel_class = Linear"
    ours = (
        f"decentralizepy.datasets.{name}\ndataset_class = {name}\nmodel_class = {model}"
    )
    return toy, f"{ours}\n{options}"


DATA = {
    "sizes of another sum": (data("sizes = [0.5, 0.2]"), "[DATASET] sizes = [0.5, 0.2]: expected a list of fractions whose sum is 1, such as [0.5, 0.25, 0.25]"),
    "sizes below 0": (data("sizes = [1.5, -0.5]"), "[DATASET] sizes = [1.5, -0.5]: expected a list of fractions whose sum is 1, such as [0.5, 0.25, 0.25]"),
    "test_batch_size 0": (data("test_batch_size = 0"), "[DATASET] test_batch_size = 0: expected at least 1"),
    "a partition": (data("partition_niid = kshards"), "[DATASET] partition_niid = kshards: expected one of"),
    "an alpha": (data("partition_niid = dirichlet\nalpha = 0"), "[DATASET] alpha = 0: expected more than 0, and finite"),
    "no shards": (data("shards = 0"), "[DATASET] shards = 0: expected at least 1"),
    "a source": (data("validation_source = test\nvalidation_size = 0.1"), "[DATASET] validation_source = test: expected one of Train, Test; did you mean Test?"),
    "a validation set of all": (data("validation_source = Test\nvalidation_size = 1.0"), "[DATASET] validation_size = 1.0: expected a fraction between 0 and 1"),
    "no folder": (data("train_dir = nowhere", "CIFAR10", "LeNet"), "run.ini: [DATASET] train_dir = nowhere: no such folder ({folder}/nowhere), nor one beside the INI file"),
    "an empty folder": (data("train_dir = empty", "CIFAR10", "LeNet"), "[DATASET] train_dir = empty: no folder cifar-10-batches-py there; `python download_dataset.py` makes one in ./eval/data"),
    "a part of the files": (data("train_dir = part", "CIFAR10", "LeNet"), "part/cifar-10-batches-py/data_batch_1: cannot be read: No such file or directory"),
    "a program for a file": (data("train_dir = evil", "CIFAR10", "LeNet"), "evil/cifar-10-batches-py/data_batch_1:"),
    "damaged": (data("train_dir = cut", "CIFAR10", "LeNet"), "cut/cifar-10-batches-py/data_batch_1:"),
}  # fmt: skip


class Evil:
    def __reduce__(self):
        return os.system, ("touch ran",)


@pytest.mark.parametrize(("change", "line"), DATA.values(), ids=DATA)
def test_data_that_cannot_be(folder, refused, change, line):
    contents = {"part": None, "evil": pickle.dumps(Evil()), "cut": b"\x80\x04\x95"}
    (folder / "empty").mkdir()
    for name, content in contents.items():
        (folder / name / CIFAR).mkdir(parents=True)
        if content is not None:
            (folder / name / CIFAR / "data_batch_1").write_bytes(content)
    (folder / "run.ini").write_text(changed(change))
    lines = refused()
    assert len(lines) == 1
    assert lines[0].startswith(line.format(folder=folder))
    assert not (folder / "ran").exists()


# -- as a user starts it: real processes ---------------------------------------

RUN = ("-m", "decentralizepy", "run", "run.ini")
DRIVER = (f"{ROOT}/eval/testing.py", "-cf", "run.ini")
FEDERATED = (f"{ROOT}/eval/testingFederated.py", "-cf", "run.ini")
PROCESSES = {
    "no file": (("-m", "decentralizepy", "run", "none.ini"), (), "none.ini: no such file ({folder}/none.ini)"),
    "no INI": (RUN, ("lr = 0.2", "lr"), "run.ini, line 9: lr: expected key = value"),
    "a key": (DRIVER, ("level = 4", "levl = 4"), "run.ini: [SHARING] levl: not an option of JWINS; did you mean level?"),
    "a pair": (FEDERATED, sharing("PushSum"), "run.ini: [SHARING] sharing_class = PushSum: has no server; DPSGDNodeFederated takes Sharing"),
    "a flag": ((*RUN, "--itrations", "5"), (), "--itrations: no such flag; did you mean --iterations?"),
    "a graph": ((*RUN, "-gf", "islands"), (), "--graph_file islands: not connected: 2 parts, of 2, 2 nodes, would train separately; --allow_disconnected allows this"),
    "data": (RUN, data("sizes = [0.5, 0.2]"), "[DATASET] sizes = [0.5, 0.2]: expected a list of fractions whose sum is 1, such as [0.5, 0.25, 0.25], or even"),
    "a graph to make": ((f"{ROOT}/generate_graph.py", "-g", "Regular", "-n", "5", "-d", "3", "-f", "g"), (), "5 nodes cannot all have degree 3: it must be an even number from 0 to 4"),
}  # fmt: skip


@pytest.mark.processes
@pytest.mark.parametrize(("words", "change", "line"), PROCESSES.values(), ids=PROCESSES)
def test_a_real_launch_starts_nothing(folder, words, change, line):
    """As a user would see it: one line on stderr, exit status 2, no process, no file."""
    text = (folder / "run.ini").read_text()
    assert not change or change[0] in text
    (folder / "run.ini").write_text(text.replace(*change) if change else text)
    (folder / "islands").write_text("4\n0 1\n2 3\n")
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines() == [line.format(folder=folder)]
    assert done.stdout == ""
    assert_nothing_ran(folder)


def test_a_run_without_fault_starts(folder, refused, monkeypatch):
    """What all cases change is right by itself: it goes on until processes start."""
    with pytest.raises(pytest.fail.Exception, match="would have been started"):
        refused()
    assert json.loads((folder / "log" / "args.json").read_text())
