"""Breaks when a plug-in loses an option, or takes one by another place than is public.

A class states only its own options; those of its parents must be found all the same.
"""

import re
import runpy
from pathlib import Path

import pytest

from decentralizepy.config.checks import check
from decentralizepy.config.signatures import Options
from decentralizepy.errors import ConfigError
from decentralizepy.factory import load
from decentralizepy.mappings.Linear import Linear
from tests.support.rings import Vector, make_graph
from tests.support.toy import CONFIG

ROOT = Path(__file__).resolve().parent.parent
CODEC = "compress compression_package compression_class float_precision"
ENTRIES = f"alpha dict_ordered save_shared {CODEC}"
CHANGES = "metadata_cap accumulation save_accumulated accumulate_averaging_changes"
BASIS = f"{ENTRIES} {CHANGES} change_based_selection"
DATA = (
    "random_seed only_local train_dir test_dir sizes test_batch_size "
    "validation_source validation_size drop_last test_samples"
)
IMAGES = f"{DATA} partition_niid alpha shards classes feature_skew"
SHARING = {
    "Sharing": CODEC,
    "PlainAverageSharing": CODEC,
    "PushSum": CODEC,
    "Choco": f"step_size alpha {CODEC}",
    "PartialModel": f"{ENTRIES} {CHANGES} change_transformer",
    "SubSampling": f"{ENTRIES} metadata_cap pickle layerwise",
    "RandomK": f"{ENTRIES} seed",
    "PowerGossip": f"{CODEC} low_rank step_size",
    "QSGD": "step_size bits bucket_size",
    "SignError": "step_size",
    "Muffliato": f"max_update_norm gossip_steps delta noise_std {CODEC}",
    "SecureAggregation": "fraction_bits",
    "Shatter": f"vnodes_per_node {CODEC}",
    "ZipDL": f"self_noise noise_std {CODEC}",
    "STC": f"alpha dict_ordered change_transformer {CODEC}",
    "JWINS.FFT": BASIS,
    "JWINS.Wavelet": f"{BASIS} wavelet level",
    "JWINS.JWINS": f"{BASIS} wavelet level alpha_list".replace("alpha ", "", 1),
}
DATASETS = {
    "Dataset": DATA,
    "Digits": IMAGES,
    "CIFAR10": IMAGES,
    "FashionMNIST": IMAGES,
    "MovieLens": DATA,
    "Femnist": f"{DATA} partition_niid",
    "Reddit": f"{DATA} partition_niid",
    "Shakespeare": f"{DATA} partition_niid",
    "Celeba": f"{DATA} partition_niid images_dir scaled",
    "text.AmazonReview": f"{DATA} partition_niid tokenizer",
}
TRAINING = (
    "rounds full_epochs batch_size shuffle device precision compile memory_format "
    "clip_norm clip_value crop_padding horizontal_flip"
)
TABLE = {
    **{f"sharing.{name}": (8, options) for name, options in SHARING.items()},
    **{f"datasets.{name}": (3, options) for name, options in DATASETS.items()},
    "training.Training": (7, TRAINING),
    "training.DPTraining": (7, f"noise_multiplier max_grad_norm delta {TRAINING}"),
    "training.text.LLMTraining": (7, TRAINING),
}


def plugin(path):
    return load(f"decentralizepy.{path}", path.rpartition(".")[2])


@pytest.mark.parametrize(
    ("path", "passed", "names"), [(k, *v) for k, v in TABLE.items()]
)
def test_a_class_has_its_options_and_its_parents(path, passed, names):
    options = Options.of(plugin(path), passed)
    assert sorted(options.known) == sorted(names.split())
    assert options.closed  # so that a misspelt key is found


@pytest.mark.parametrize(
    ("path", "name", "default"),
    [
        ("sharing.STC", "compress", True),
        ("sharing.STC", "float_precision", 8),
        ("sharing.QSGD", "step_size", 0.5),
        ("sharing.PowerGossip", "step_size", 1.0),
        ("sharing.JWINS.FFT", "alpha", 1.0),
        ("sharing.JWINS.JWINS", "wavelet", "haar"),
        ("datasets.CIFAR10", "partition_niid", "simple"),
        ("datasets.Celeba", "partition_niid", "files"),
    ],
)
def test_a_default_is_that_of_the_nearest_class_that_states_it(path, name, default):
    assert Options.of(plugin(path)).known[name].default == default


def share(path, *options):
    parts = (0, 0, None, Linear(1, 2), make_graph(2), Vector([1, 2, 3]), None, ".")
    return plugin(f"sharing.{path}")(*parts, *options)


def transform(change):
    return change


# in the order of the public system's constructors, and what becomes of each
ENTRIES_ORDER = "alpha dict_ordered save_shared metadata_cap"
BASIS_ORDER = (
    "change_based_selection save_accumulated accumulation "
    "accumulate_averaging_changes compress"
)
SHARING_ORDER = {
    "Sharing": "compress",
    "PlainAverageSharing": "compress",
    "PartialModel": f"{ENTRIES_ORDER} accumulation save_accumulated "
    "change_transformer accumulate_averaging_changes compress",
    "SubSampling": f"{ENTRIES_ORDER} pickle layerwise compress",
    "Choco": "step_size alpha compress",
    "STC": "alpha dict_ordered change_transformer compress",
    "JWINS.FFT": f"{ENTRIES_ORDER} {BASIS_ORDER}",
    "JWINS.Wavelet": f"{ENTRIES_ORDER} wavelet level {BASIS_ORDER}",
    "JWINS.JWINS": "alpha_list dict_ordered save_shared metadata_cap wavelet level "
    + BASIS_ORDER,
}
VALUES = {
    "step_size": 0.25,
    "alpha": 0.5,
    "alpha_list": "[0.5]",
    "dict_ordered": True,
    "save_shared": True,
    "metadata_cap": 0.75,
    "accumulation": True,
    "save_accumulated": True,
    "accumulate_averaging_changes": True,
    "pickle": False,
    "layerwise": True,
    "change_based_selection": False,
    "wavelet": "sym2",
    "level": 3,
    "compress": False,
}
NOT_KEPT = {"dict_ordered", "pickle", "alpha_list"}


@pytest.mark.parametrize("path", SHARING_ORDER)
def test_sharings_take_their_options_in_the_public_order(path):
    order = SHARING_ORDER[path].split()
    values = {**VALUES, "change_transformer": transform}
    if path == "STC":
        values["change_transformer"] = load("decentralizepy.utils", "identity")
    options = [values[name] for name in order]
    codec = ("decentralizepy.compression.Zstd", "Zstd", 4)
    node = share(path, *options, *codec)
    assert type(node.compressor).__name__ == "Zstd"
    stated = {name: values[name] for name in order if name not in NOT_KEPT}
    if path in ("Choco", "STC"):  # they keep how many entries alpha is: 2 of 3
        stated = {"compress": False}
        assert node.k == 2
    if "alpha_list" in order:
        assert node.alphas == [0.5]
    found = {name: getattr(node, name) for name in stated}
    if "wavelet" in found:
        found["wavelet"] = found["wavelet"].name
    assert found == stated


DATASET_ORDER = {
    "Dataset": DATA,
    "Femnist": DATA,
    "Reddit": DATA,
    "Shakespeare": DATA,
    "CIFAR10": "random_seed only_local train_dir test_dir sizes test_batch_size "
    "partition_niid alpha shards validation_source validation_size",
    "Celeba": "random_seed only_local train_dir test_dir images_dir sizes test_batch_size",
    "text.AmazonReview": "random_seed only_local train_dir test_dir sizes "
    "test_batch_size tokenizer",
}
DATA_VALUES = {
    "random_seed": 5,
    "only_local": True,
    "train_dir": "",
    "test_dir": "",
    "images_dir": "faces",
    "sizes": "[0.75, 0.25]",
    "test_batch_size": 9,
    "partition_niid": "dirichlet",
    "alpha": 0.5,
    "shards": 3,
    "validation_source": "Test",
    "validation_size": 0.25,
    "drop_last": True,
    "test_samples": 7,
    "tokenizer": "MobileBERT",
}


@pytest.mark.parametrize("path", DATASET_ORDER)
def test_data_sets_take_their_options_in_the_public_order(path):
    order = DATASET_ORDER[path].split()
    options = [DATA_VALUES[name] for name in order]
    node = plugin(f"datasets.{path}")(0, 0, Linear(1, 2), *options)
    kept = {**DATA_VALUES, "train_dir": None, "test_dir": None, "sizes": [0.75, 0.25]}
    for name in set(order) - {"tokenizer"}:
        assert getattr(node, name) == kept[name], name
    if "tokenizer" in order:
        assert node.source == "google/mobilebert-uncased"


@pytest.mark.parametrize("path", TABLE)
def test_the_reference_shows_every_option(path):
    conf = runpy.run_path(str(ROOT / "docs/conf.py"))
    text = "(*parts, **options)"
    shown, _ = conf["list_options"](None, "class", path, plugin(path), None, text, None)
    names = TABLE[path][1].split()
    missing = [name for name in names if not re.search(rf"\b{name}\b", shown)]
    assert missing == []


@pytest.mark.parametrize(
    ("path", "option"), [("JWINS.JWINS", "alpha"), ("JWINS.FFT", "change_transformer")]
)
def test_an_option_that_a_class_fixes_is_refused_in_an_ini(path, option):
    name = path.rpartition(".")[2]
    sharing = {
        "sharing_package": f"decentralizepy.sharing.{path}",
        "sharing_class": name,
        option: 0.5,
    }
    wire = {"comm_package": "decentralizepy.communication.IPC", "comm_class": "IPC"}
    config = {**CONFIG, "SHARING": sharing, "COMMUNICATION": wire}
    with pytest.raises(ConfigError, match=f"{option}: not an option of {name}"):
        check(config, "run.ini")
