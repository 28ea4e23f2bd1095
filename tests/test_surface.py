"""Breaks when a name of DecentralizePy is missing, or overriding it has no effect."""

import importlib
import inspect
import logging
import sys

import pytest

from decentralizepy.config.overrides import check_overrides
from decentralizepy.config.signatures import Options, parameters
from decentralizepy.errors import ConfigError
from decentralizepy.graphs.FullyConnected import FullyConnected
from decentralizepy.graphs.Ring import Ring
from decentralizepy.node.EpidemicLearning.EL_Local import EL_Local
from tests.support.public_surface import constants, methods

EVERY = methods()
PARTS = 8  # arguments of a sharing, which everyone passes by position

ABSENT = {
    "communication.Communication.Communication.connect_neighbors": "a node's",
    "communication.Communication.Communication.disconnect_neighbors": "a node's",
    "communication.TCP.TCP.__del__": "terminate() closes the sockets",
    "communication.TCP_ACK.TCP.__del__": "terminate() closes the sockets",
    "communication.TCP_ACK.TCP.keep_sending": "a thread of the old transport",
    "communication.TCP_ACK.TCP.keep_receiving": "a thread of the old transport",
    "communication.TCP_ACK.TCP.push_message": "a queue of the old transport",
    "communication.TCP_ACK.TCP.get_message_id": "a queue of the old transport",
    "communication.TCP_ACK.TCP.encrypt": "messages get their numbers elsewhere",
    "communication.TCP_ACK.RESEND_TIMEOUT": "an option of the old transport",
    "communication.TCP_ACK.RECV_TIMEOUT": "an option of the old transport",
    "graphs.Graph.Graph.__insert_adj__": "private; add_edges does it",
    "graphs.Graph.Graph.__insert_edge__": "private; add_edges does it",
    "node.Node.Node.__init__": "Node does not run by itself; LiveNode does",
    "node.Node.Node.instantiate": "Node does not run by itself; LiveNode does",
    "node.Node.Node.run": "Node does not run by itself; LiveNode does",
    "sharing.JWINS.FFT.change_transformer_fft": "FFT.transform",
    "sharing.JWINS.Wavelet.change_transformer_wavelet": "Wavelet.transform",
}
HELPERS = (  # functions of sharing.Choco for models as dicts; here they are one vector
    "zeros_like_state_dict get_dict_keys_and_check_matching subtract_state_dicts "
    "self_add_state_dict flatten_state_dict unflatten_state_dict "
    "serialize_sparse_tensor deserialize_sparse_tensor topk_sparsification_tensor "
    "topk_sparsification serialize_sparse_state_dict deserialize_sparse_state_dict"
)
ABSENT |= {f"sharing.Choco.{name}": "models are vectors" for name in HELPERS.split()}


def owner_of(method):
    module = importlib.import_module(f"decentralizepy.{method.module}")
    return getattr(module, method.cls) if method.cls else module


def refused(cls):
    """Return the methods that a subclass cannot override in vain."""
    parents = getattr(cls, "__mro__", ())
    return {name for each in parents for name in getattr(each, "replaced", {})}


@pytest.mark.parametrize("method", EVERY, ids=str)
def test_a_public_name_is_there_and_takes_its_arguments(method):
    owner = owner_of(method)
    if str(method) in ABSENT or method.name in refused(owner):
        return
    found = getattr(owner, method.name)
    if method.name == "__init__":
        missing = set(names_of(method)) - taken_by(owner)
        assert not missing, f"{method.cls} takes no {missing}"
    elif not method.name.startswith("_"):
        bound = method.cls and not is_static(owner, method.name)
        arguments = ["self"] * bool(bound) + names_of(method)
        inspect.signature(found).bind(*arguments)


def is_static(cls, name):
    return isinstance(inspect.getattr_static(cls, name), staticmethod)


def names_of(method):
    names = [name for name in method.parameters if not name.startswith("*")]
    of_sharing = method.module.startswith("sharing.") and method.name == "__init__"
    return names[PARTS:] if of_sharing else names


def taken_by(cls):
    """Return the keywords of a constructor, and of what it passes them on to."""
    names = {*Options.of(cls).known, *getattr(cls, "keywords", ())}
    for parent in map(vars, cls.__mro__):
        names |= parameters(parent.get("instantiate")).keys()
    return names


@pytest.mark.parametrize(("module", "name"), constants())
def test_a_public_constant_is_there(module, name):
    if f"{module}.{name}" not in ABSENT:
        assert hasattr(importlib.import_module(f"decentralizepy.{module}"), name)


def test_what_is_said_to_be_absent_is_in_the_table_and_absent():
    known = {str(method): method for method in EVERY}
    known |= {f"{module}.{name}": None for module, name in constants()}
    assert ABSENT.keys() <= known.keys()


def own_and_inherited(module, cls):
    """Return the public methods of a class and those of Node, but for private ones."""
    rows = [each for each in EVERY if (each.module, each.cls) == (module, cls)]
    if module.startswith("node."):
        rows += [each for each in EVERY if each.module == "node.Node"]
    return {row.name for row in rows if not row.name.startswith("__")}


def traced(module, cls, calls, leave=(), rows=None):
    """Return a subclass that takes out of ``calls`` the public methods that are called.

    ``rows`` names the class whose methods these are, if the table has it by another name.
    """
    parent = getattr(importlib.import_module(f"decentralizepy.{module}"), cls)
    names = own_and_inherited(*(rows or (module, cls))) - refused(parent) - set(leave)
    assert names, f"nothing is known of {module}.{cls}"
    calls[f"{module}.{cls}"] = waiting = set(names)

    def override(name):
        def method(self, *args, **kwargs):
            waiting.discard(name)
            return getattr(parent, name)(self, *args, **kwargs)

        return method

    return type(cls, (parent,), {name: override(name) for name in names})


# of Node, what a class needs not: a service has no optimizer, a client no neighbors
NO_LEARNER = {"init_optimizer", "init_trainer", "init_sharing"}
NO_BARRIER = {"receive_disconnect"}
NO_STAY = {"disconnect_neighbors", *NO_BARRIER}
SAMPLED = ("node.DPSGDWithPeerSampler", "DPSGDWithPeerSampler")
SERVICES = {
    "node.PeerSampler PeerSampler": (SAMPLED, NO_LEARNER | NO_STAY),
    "node.PeerSamplerDynamic PeerSamplerDynamic": (SAMPLED, NO_LEARNER | NO_STAY),
    "node.FederatedParameterServer FederatedParameterServer": (
        ("node.DPSGDNodeFederated", "DPSGDNodeFederated"),
        {"init_optimizer", "init_trainer", *NO_BARRIER},
    ),
    "node.STC.STCServer STCServer": (
        ("node.STC.STCClient", "STCClient"),
        {"init_optimizer", "init_trainer", *NO_BARRIER},
    ),
}
ALONE = [
    "node.DPSGDNode DPSGDNode",
    "node.KNN KNN",
    "node.EpidemicLearning.EL_Local EL_Local",
    "node.EpidemicLearning.EL_Local_Timeout EL_Local",
]


@pytest.mark.parametrize("name", ALONE)
def test_what_a_node_overrides_is_called(run_nodes, name):
    calls = {}
    node_class = traced(*name.split(), calls)
    run_nodes(FullyConnected(5), node_class, NODE={"graph_degree": 2, "timeout": 0.05})
    assert calls == {name.replace(" ", "."): set()}, "overridden and never called"


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_and_its_nodes_override_is_called(run_nodes, monkeypatch, name):
    nodes, unused = SERVICES[name]
    calls = {}
    service_class = traced(*name.split(), calls, unused)
    federated = nodes[1] != "DPSGDWithPeerSampler"
    node_class = traced(*nodes, calls, NO_STAY if federated else ())
    options = (run_nodes.folder, logging.INFO, 2, 1, 0.5) if federated else ()
    sections = {"NODE": {"graph_degree": 2}}
    if federated:
        of_stc = nodes[1] == "STCClient"
        names = ("sharing.STC", "STC") if of_stc else ("sharing.Sharing", "Sharing")
        sharing_class = traced(*names, calls, {"_averaging"})
        module = sys.modules[__name__]
        monkeypatch.setattr(module, "Traced", sharing_class, raising=False)
        sections["SHARING"] = {"sharing_package": __name__, "sharing_class": "Traced"}
    run_nodes(Ring(4), node_class, 3, service_class, options, **sections)
    assert not any(calls.values()), "overridden and never called"


SHARINGS = {
    "sharing.Sharing Sharing": {},
    "sharing.PlainAverageSharing PlainAverageSharing": {},
    "sharing.PartialModel PartialModel": {"alpha": 0.5, "save_accumulated": True},
    "sharing.SubSampling SubSampling": {"alpha": 0.5},
    "sharing.Choco Choco": {"alpha": 0.5, "step_size": 0.5},
    "sharing.JWINS.FFT FFT": {"alpha": 0.5},
    "sharing.JWINS.Wavelet Wavelet": {"alpha": 0.5},
    "sharing.JWINS.JWINS JWINS": {"alpha_list": "[0.5]"},
}


# values and indices are compressed
CODED = {
    "sharing_package": "decentralizepy.sharing.PartialModel",
    "sharing_class": "PartialModel",
    "alpha": 0.5,
    "compress": True,
}
ONLY_SCRIPTS = {  # of a graph: a round needs its neighbors
    "get_all_nodes",
    "read_graph_from_file",
    "write_graph_to_file",
    "connect_graph",
    "centr",
}


@pytest.mark.parametrize("name", SHARINGS)
def test_what_a_sharing_overrides_is_called(run_nodes, monkeypatch, name):
    calls = {}
    # the server's method is for nodes with a server; entries may be read as they come
    sharing_class = traced(*name.split(), calls, {"_averaging_server"})
    monkeypatch.setattr(sys.modules[__name__], "Traced", sharing_class, raising=False)
    section = {"sharing_package": __name__, "sharing_class": "Traced", **SHARINGS[name]}
    run_nodes(Ring(4), SHARING=section)
    assert not any(calls.values()), "overridden and never called"


OTHERS = (
    {  # by section: the class, whose rows of the table, what is not called in a round
        "TRAIN_PARAMS": ("training.Training Training", "", (), {"full_epochs": True}),
        "COMMUNICATION": (
            "communication.InProcess InProcess",
            "communication.TCP TCP",
            {"addr", "destroy_connection"},
            {},
        ),
    }
)


@pytest.mark.parametrize("section", OTHERS)
def test_what_another_plug_in_overrides_is_called(run_nodes, monkeypatch, section):
    name, rows, unused, options = OTHERS[section]
    calls = {}
    kind = traced(*name.split(), calls, unused, rows.split() or None)
    monkeypatch.setattr(sys.modules[__name__], "Traced", kind, raising=False)
    prefix = "training" if section == "TRAIN_PARAMS" else "comm"
    named = {f"{prefix}_package": __name__, f"{prefix}_class": "Traced"}
    run_nodes(Ring(4), **{section: {**named, **options}})
    assert not any(calls.values()), "overridden and never called"


CODECS = (
    "Compression Elias EliasFpzip EliasFpzipLossy EliasQuantization Lz4Wrapper "
    "Quantization"
)


@pytest.mark.parametrize("name", CODECS.split())
def test_what_a_codec_overrides_is_called(run_nodes, monkeypatch, name):
    calls = {}
    rows = ("compression.Compression", "Compression")
    codec = traced(f"compression.{name}", name, calls, rows=rows)
    monkeypatch.setattr(sys.modules[__name__], "Traced", codec, raising=False)
    named = {"compression_package": __name__, "compression_class": "Traced"}
    run_nodes(Ring(4), SHARING={**CODED, **named})
    assert not any(calls.values()), "overridden and never called"


def test_what_a_graph_overrides_is_called(run_nodes):
    calls = {}
    graph_class = traced("graphs.Graph", "Graph", calls, ONLY_SCRIPTS)
    graph = graph_class(4)
    graph.connect_graph()
    run_nodes(graph)
    assert not any(calls.values()), "overridden and never called"


@pytest.mark.parametrize("name", ["mappings.Linear Linear", "mappings.Manual Manual"])
def test_what_a_mapping_overrides_is_called(run_nodes, monkeypatch, name):
    calls = {}
    mapping_class = traced(*name.split(), calls, rows=("mappings.Mapping", "Mapping"))
    manual = name.endswith("Manual")
    monkeypatch.setattr(
        "tests.support.networks.Linear",
        lambda machines, each: mapping_class(machines, [each] if manual else each),
    )
    run_nodes(FullyConnected(4), EL_Local, NODE={"graph_degree": 2})
    calls[name.replace(" ", ".")] -= {"get_machine_and_rank"}  # of addresses
    assert not any(calls.values()), "overridden and never called"


ELSEWHERE = {  # classes that no test above names, and where their methods are walked
    "communication.Communication Communication": "TCP",
    "communication.TCP_ACK TCP": "a second name of TCP",
    "graphs.FullyConnected FullyConnected": "Graph",
    "graphs.Regular Regular": "Graph",
    "graphs.Ring Ring": "Graph",
    "graphs.SmallWorld SmallWorld": "Graph",
    "graphs.Star Star": "Graph",
    "mappings.Mapping Mapping": "Linear and Manual",
    "node.Node Node": "every node",
    "node.OverlayNode OverlayNode": "KNN",
    "node.EpidemicLearning.EL_Oracle_Client EL_Oracle_Client": "has only its parent's",
    "node.EpidemicLearning.EL_Oracle_TopologyBuilder EL_Oracle_TopologyBuilder": (
        "has only its parent's"
    ),
    "training.text.LLMTraining LLMTraining": "Training",
}


def test_every_public_plug_in_is_walked():
    """Data sets and models have tests of their own."""
    families = ("node", "sharing", "communication", "compression", "graphs")
    families += ("mappings", "training")
    table = {
        f"{each.module} {each.cls}"
        for each in EVERY
        if each.cls and each.module.partition(".")[0] in families
    }
    nodes = {" ".join(pair) for pair, _ in SERVICES.values()}
    named = {part for row in OTHERS.values() for part in row[:2]}
    codecs = {f"compression.{name} {name}" for name in CODECS.split()}
    walked = {*ALONE, *SERVICES, *SHARINGS, *nodes, *named, *codecs, *ELSEWHERE}
    walked |= {"sharing.STC STC", "graphs.Graph Graph"}
    walked |= {"mappings.Linear Linear", "mappings.Manual Manual"}
    assert table <= walked, "these are in the table, and no test walks them"


@pytest.mark.parametrize(
    ("owner", "name"),
    sorted(
        {
            (f"{each.module} {each.cls}", name)
            for each in EVERY
            if each.cls
            for name in refused(owner_of(each))
        }
    ),
)
def test_an_override_that_nothing_calls_is_refused_with_the_one_to_use(owner, name):
    module, cls = owner.split()
    parent = getattr(importlib.import_module(f"decentralizepy.{module}"), cls)
    own = type("Own", (parent,), {name: lambda self, *args: None})
    with pytest.raises(ConfigError, match=rf"^Own: overrides {name}, .* override \w+"):
        check_overrides(own)
