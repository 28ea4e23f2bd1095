"""Digest the final weights and results of many small runs, to compare two checkouts bit by bit.

``python -m benchmarks.bits`` prints one line per configuration. With ``--against
CHECKOUT``, it also runs the configurations with the package of another checkout, reports
which are equal, and exits with 1 if any differs. Configurations consist only of INI text
and flags, so older checkouts can run them too.

Digests are comparable only on one machine and with one version of torch. The transport
does not affect them, and Unix sockets need no free ports.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
WORKER = Path(__file__).with_name("bits_worker.py")
LIMIT_S = 1800
# what differs from run to run: times, and how often the transport acknowledged
TIMES = {"time", "wait", "slowest", "total_control"}
# these follow from the weights, and older checkouts lack them
FINAL = {"mean_model_acc", "mean_model_loss", "consensus_distance", "worst_test_acc"}
BYTES = {"total_bytes", "total_meta"}
MISSING, EQUAL = "failed", "equal"
Settings = Mapping[str, str]

BASE = {
    "DATASET.dataset_package": "decentralizepy.datasets.Digits",
    "DATASET.dataset_class": "Digits",
    "DATASET.model_class": "MLP",
    "DATASET.random_seed": "90",
    "DATASET.partition_niid": "kshard",
    "DATASET.shards": "2",
    "OPTIMIZER_PARAMS.optimizer_package": "torch.optim",
    "OPTIMIZER_PARAMS.optimizer_class": "SGD",
    "OPTIMIZER_PARAMS.lr": "0.1",
    "TRAIN_PARAMS.training_package": "decentralizepy.training.Training",
    "TRAIN_PARAMS.training_class": "Training",
    "TRAIN_PARAMS.rounds": "2",
    "TRAIN_PARAMS.batch_size": "8",
    "TRAIN_PARAMS.shuffle": "True",
    "TRAIN_PARAMS.loss_package": "torch.nn",
    "TRAIN_PARAMS.loss_class": "CrossEntropyLoss",
    "COMMUNICATION.comm_package": "decentralizepy.communication.IPC",
    "COMMUNICATION.comm_class": "IPC",
    "NODE.node_package": "decentralizepy.node.DPSGDNode",
    "NODE.node_class": "DPSGDNode",
    "SHARING.sharing_package": "decentralizepy.sharing.Sharing",
    "SHARING.sharing_class": "Sharing",
    "GRAPH.graph_package": "decentralizepy.graphs.Regular",
    "GRAPH.graph_class": "Regular",
    "GRAPH.degree": "3",
    "GRAPH.seed": "1",
    "RUN.procs_per_machine": "6",
    "RUN.iterations": "4",
    "RUN.test_after": "2",
    "RUN.train_evaluate_after": "2",
    "RUN.reset_optimizer": "0",
}


def sharing(module: str, **options: str) -> Settings:
    """Return the settings of a sharing class, given by its module."""
    return _part("SHARING", "sharing", f"sharing.{module}") | _in("SHARING", options)


def codec(name: str, **options: str) -> Settings:
    """Return the settings of a codec."""
    chosen = _part("SHARING", "compression", f"compression.{name}")
    return chosen | _in("SHARING", {"compress": "True", **options})


def graph(name: str, **options: str) -> Settings:
    """Return the settings of a graph; ``degree`` and ``seed`` only if given."""
    unset = {"degree": "", "seed": ""}
    return _part("GRAPH", "graph", f"graphs.{name}") | _in("GRAPH", unset | options)


def attack(name: str, **options: str) -> Settings:
    """Return the settings of an attack by node 1."""
    chosen = _part("ATTACK", "attack", f"attacks.{name}")
    return chosen | _in("ATTACK", {"nodes": "1", **options})


def nodes(node: str, server: str = "", **options: str) -> Settings:
    """Return the settings of a node class and its service."""
    service = _part("NODE", "server", f"node.{server}") if server else {}
    return _part("NODE", "node", f"node.{node}") | service | _in("NODE", options)


def _part(section: str, prefix: str, module: str) -> Settings:
    return _in(
        section,
        {
            f"{prefix}_package": f"decentralizepy.{module}",
            f"{prefix}_class": module.rpartition(".")[2],
        },
    )


def _in(section: str, options: Settings) -> dict[str, str]:
    return {f"{section}.{key}": value for key, value in options.items()}


ACCUMULATE = {"accumulation": "True", "accumulate_averaging_changes": "True"}
TOP = {"alpha": "0.3", **ACCUMULATE}
FULL = graph("FullyConnected")
# no two nodes have the same labels, so there are no ties
SKEWED = {"DATASET.partition_niid": "dirichlet", "DATASET.shards": ""}
GOSSIP = {"KNN", "KFN"}  # how much they send before the first round depends on timing
EL = "EpidemicLearning"
CHURN = _in("CHURN", {"mean_up": "3", "mean_down": "1.5", "loss": "0.2"})
SERVER = "FederatedParameterServer"

# EL_Local_Timeout, ADPSGD and GossipLearning are left out: what they average depends on
# timing.
CONFIGURATIONS: dict[str, Settings] = {
    # nodes
    "DPSGDNode": {},
    "DPSGDNode, CNN, Adam, iid": {
        "DATASET.model_class": "CNN",
        "DATASET.partition_niid": "simple",
        "DATASET.shards": "",
        "OPTIMIZER_PARAMS.optimizer_class": "Adam",
        "OPTIMIZER_PARAMS.lr": "0.001",
    },
    "DPSGDNode, reset_optimizer": {
        "RUN.reset_optimizer": "1",
        "OPTIMIZER_PARAMS.momentum": "0.9",
    },
    "DPSGDWithPeerSampler": nodes("DPSGDWithPeerSampler", "PeerSampler"),
    "PeerSamplerDynamic": nodes(
        "DPSGDWithPeerSampler", "PeerSamplerDynamic", graph_degree="3"
    ),
    "EL_Local": FULL | nodes(f"{EL}.EL_Local", graph_degree="2"),
    "EL_Oracle": FULL
    | nodes(
        f"{EL}.EL_Oracle_Client", f"{EL}.EL_Oracle_TopologyBuilder", graph_degree="3"
    ),
    "Teleportation": FULL | nodes("Teleportation", active="3"),
    "KNN": FULL | SKEWED | nodes("KNN", k="2", gossip_rounds="10"),
    "KFN": FULL | SKEWED | nodes("KFN", k="2", gossip_rounds="10"),
    "SkipTrain": nodes("SkipTrain", training_rounds="1", sync_rounds="1"),
    "SkipTrain, training_budget": nodes(
        "SkipTrain", sync_rounds="1", training_budget="2"
    ),
    "FinalMerge": graph("Ring") | nodes("FinalMerge", merge_at="0.5"),
    "PENS": FULL | nodes("PENS", graph_degree="3", selection_rounds="2"),
    "Federated": nodes("DPSGDNodeFederated", SERVER),
    "Federated, working_rate": nodes("DPSGDNodeFederated", SERVER)
    | {"RUN.working_rate": "0.5"},
    "STC": nodes("STC.STCClient", "STC.STCServer") | sharing("STC", alpha="0.1"),
    # graphs
    "Ring": graph("Ring"),
    "Star": graph("Star"),
    "SmallWorld": graph("SmallWorld", k_over_2="1", beta="0.5", seed="1"),
    "BaseGraph": graph("BaseGraph", peers="1"),
    "Hypercube": graph("Hypercube") | {"RUN.procs_per_machine": "4"},
    "Torus": graph("Torus"),
    "BinaryTree": graph("BinaryTree"),
    "Bipartite": graph("Bipartite", degree="2"),
    "RandomGeometric": graph("RandomGeometric"),
    "EquiStatic": graph("EquiStatic", peers="2"),
    "UEquiStatic": graph("UEquiStatic", peers="2"),
    "ODEquiDyn": graph("ODEquiDyn", seed="1"),
    "OUEquiDyn": graph("OUEquiDyn", seed="1"),
    "DoubleBinaryTree": graph("DoubleBinaryTree"),
    "RandomMatching": graph("RandomMatching", seed="1"),
    "DynamicRegular": graph("DynamicRegular", degree="3", seed="1"),
    "OnePeerExponential": graph("OnePeerExponential") | {"RUN.procs_per_machine": "4"},
    # sharings
    "PlainAverageSharing": sharing("PlainAverageSharing"),
    "PartialModel": sharing("PartialModel", **TOP),
    "PartialModel, EliasFpzip": sharing("PartialModel", alpha="0.3")
    | codec("EliasFpzip"),
    "SubSampling": sharing("SubSampling", alpha="0.3"),
    "SubSampling, layerwise": sharing("SubSampling", alpha="0.3", layerwise="True"),
    "RandomK": sharing("RandomK", alpha="0.3"),
    "JWINS, EliasFpzip": sharing("JWINS.JWINS", **ACCUMULATE) | codec("EliasFpzip"),
    "JWINS, Zstd": sharing("JWINS.JWINS", wavelet="sym2", **ACCUMULATE) | codec("Zstd"),
    "Wavelet": sharing("JWINS.Wavelet", **TOP),
    "FFT": sharing("JWINS.FFT", **TOP),
    "Choco": sharing("Choco", step_size="0.5", alpha="0.2"),
    "Choco, Elias": sharing("Choco", step_size="0.5", alpha="0.2") | codec("Elias"),
    "QSGD": sharing("QSGD"),
    "SignError": sharing("SignError"),
    "PowerGossip": sharing("PowerGossip"),
    "PushSum": sharing("PushSum") | graph("Exponential"),
    "D2": sharing("D2") | graph("Ring") | {"RUN.procs_per_machine": "5"},
    "ExactDiffusion": sharing("ExactDiffusion"),
    "EXTRA": sharing("EXTRA"),
    "GradientTracking": sharing("GradientTracking"),
    "QuasiGlobal": sharing("QuasiGlobal"),
    "NIDS": sharing("NIDS", c="0.3"),
    "LED": sharing("LED"),
    "KGT": sharing("KGT", step_size="0.8"),
    "ProxSkip": sharing("ProxSkip", probability="0.5"),
    "LocalMomentum": sharing("LocalMomentum"),
    "AveragedMomentum": sharing("AveragedMomentum"),
    "RelaySum": sharing("RelaySum") | graph("Star"),
    "RelaySum, DoubleBinaryTree": sharing("RelaySum") | graph("DoubleBinaryTree"),
    "DPTraining": _part("TRAIN_PARAMS", "training", "training.DPTraining"),
    "Muffliato": sharing("Muffliato", noise_std="0.1", max_update_norm="1.0"),
    "SecureAggregation": sharing("SecureAggregation"),
    "Shatter": sharing("Shatter", vnodes_per_node="2"),
    "ZipDL": sharing("ZipDL", noise_std="0.1", self_noise="True"),
    "CoordinateMedian": sharing("CoordinateMedian"),
    "TrimmedMean": sharing("TrimmedMean"),
    "MeanAroundMedian": sharing("MeanAroundMedian"),
    "Krum": sharing("Krum"),
    "MultiKrum": sharing("MultiKrum"),
    "GeometricMedian": sharing("GeometricMedian"),
    "ClippedGossip": sharing("ClippedGossip"),
    "NearestNeighborAverage": sharing("NearestNeighborAverage"),
    "OutlierScissors": sharing("OutlierScissors"),
    "UBAR": sharing("UBAR"),
    "Dissensus": attack("Dissensus"),
    "FreeRider": attack("FreeRider"),
    "Backdoor": attack("Backdoor", boost="2.0"),
    "CSPlus": sharing("CSPlus"),
    "GTS": sharing("GTS"),
    # churn
    "Churn": CHURN,
    "Churn, RandomMatching": CHURN | graph("RandomMatching", seed="1"),
    "Churn, PushSum": CHURN | sharing("PushSum") | graph("Exponential"),
    "Churn, RelaySum": CHURN | sharing("RelaySum") | graph("Star"),
    "Churn, EL_Local": CHURN | FULL | nodes(f"{EL}.EL_Local", graph_degree="2"),
    "Churn, PeerSamplerDynamic": CHURN
    | nodes("DPSGDWithPeerSampler", "PeerSamplerDynamic", graph_degree="3"),
    "Churn, Federated": CHURN | nodes("DPSGDNodeFederated", SERVER),
    # codecs
    "EliasFpzipLossy": sharing("PartialModel", alpha="0.3") | codec("EliasFpzipLossy"),
    "EliasQuantization": sharing("PartialModel", alpha="0.3")
    | codec("EliasQuantization"),
    "Quantization": codec("Quantization", float_precision="1000"),
    "Lz4Wrapper": sharing("PartialModel", alpha="0.3") | codec("Lz4Wrapper"),
}


def ini(settings: Settings) -> str:
    """Return the INI text of a configuration; settings that are "" are left out."""
    sections: dict[str, list[str]] = {}
    for name, value in {**BASE, **settings}.items():
        section, key = name.split(".", maxsplit=1)
        if value:
            sections.setdefault(section, []).append(f"{key} = {value}\n")
    return "\n".join(f"[{name}]\n{''.join(keys)}" for name, keys in sections.items())


def run(
    checkout: Path, names: Sequence[str], folder: Path, **settings: str
) -> dict[str, str]:
    """Run configurations with the package of a checkout and return their digests.

    ``settings`` are keys of section RUN, such as ``engine``.
    """
    flags = _in("RUN", settings)
    folder.mkdir(parents=True)
    for number, name in enumerate(names):
        (folder / f"{number:02}.ini").write_text(ini(CONFIGURATIONS[name] | flags))
    subprocess.run(
        [sys.executable, str(WORKER), str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"},
        check=True,
        timeout=LIMIT_S,
    )
    return {
        name: digest(
            folder / f"{number:02}", TIMES | (BYTES if name in GOSSIP else set())
        )
        for number, name in enumerate(names)
    }


def digest(folder: Path, left_out: Collection[str] = TIMES) -> str:
    """Return the SHA-256 of a run's weights and results, each truncated to 16 digits.

    Metrics in ``left_out`` are ignored.
    """
    weights = sorted((folder / "weights").glob("*_weight_*.pt"), key=_uid)
    results = sorted((folder / "logs").glob("*_results.json"))
    if not weights or not results:
        screen = (folder / "screen.txt").read_text()
        print(f"{folder}: no weights or results\n{screen}", file=sys.stderr)
        return MISSING
    return f"{of_weights(weights)} {of_results(results, left_out)}"


def _uid(path: Path) -> int:
    return int(path.stem.rpartition("_")[2])


def of_weights(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of weights files, truncated to 16 digits."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode())
        for name, tensor in torch.load(path, weights_only=True).items():
            total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            total.update(tensor.contiguous().numpy().tobytes())
    return total.hexdigest()[:16]


def of_results(paths: Sequence[Path], left_out: Collection[str]) -> str:
    """Return the SHA-256 of results files, truncated to 16 digits."""
    total = hashlib.sha256()
    for path in paths:
        table = json.loads(path.read_text())
        kept = {
            name: table[name]
            for name in sorted(table)
            if name not in {*left_out, *FINAL}
        }
        total.update(f"{path.name} {json.dumps(kept)}".encode())
    return total.hexdigest()[:16]


def compare(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Print which configurations are equal and return whether all are."""
    verdicts = {name: verdict(ours[name], theirs[name]) for name in ours}
    for name, words in verdicts.items():
        print(f"{name:28} {ours[name]}  {words}")
    equal = list(verdicts.values()).count(EQUAL)
    print(f"{equal} of {len(verdicts)} configurations are equal")
    return equal == len(verdicts)


def verdict(ours: str, theirs: str) -> str:
    """Describe what two digests have in common."""
    if MISSING in (ours, theirs):
        return "FAILED"
    if ours == theirs:
        return EQUAL
    return (
        "RESULTS DIFFER" if ours.split()[0] == theirs.split()[0] else "WEIGHTS DIFFER"
    )


def main() -> int:
    """Run, print and compare; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="configurations (default: all)")
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    parser.add_argument("--engine", help="another engine to compare with")
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    args = parser.parse_args()
    names = args.names or list(CONFIGURATIONS)
    with tempfile.TemporaryDirectory(prefix="bits-") as scratch:
        folder = (args.keep or Path(scratch)).resolve()
        ours = run(ROOT, names, folder / "ours")
        if args.against or args.engine:
            checkout = (args.against or ROOT).resolve()
            theirs = run(checkout, names, folder / "theirs", engine=args.engine or "")
            return 0 if compare(ours, theirs) else 1
    for name, value in ours.items():
        print(f"{name:28} {value}")
    return 1 if MISSING in ours.values() else 0


if __name__ == "__main__":
    sys.exit(main())
