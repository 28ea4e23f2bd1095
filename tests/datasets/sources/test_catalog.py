"""The catalog: breaks when an entry does not hang together, or names no class."""

import importlib.util
import re
from pathlib import Path

import pytest

from decentralizepy import factory
from decentralizepy.datasets.sources.catalog import CATALOG, Bundled, Instructions, find
from decentralizepy.datasets.sources.download import Release, Web
from decentralizepy.errors import ConfigError

entries = pytest.mark.parametrize("entry", CATALOG.values(), ids=list(CATALOG))


@entries
def test_an_entry_names_a_class(entry):
    module = f"decentralizepy.datasets.{entry.dataset}"
    assert factory.load(module, module.rpartition(".")[2]).get_trainset


@entries
def test_a_stand_in_and_a_converter_have_a_module(entry):
    modules = [entry.convert] if entry.convert else []
    if entry.stand_in:
        modules.append(f"decentralizepy.datasets.stand_in.{entry.name}")
    assert all(map(importlib.util.find_spec, modules))


@entries
def test_what_is_downloaded_is_told_whole(entry):
    downloaded = isinstance(entry.source, Web | Release)
    assert bool(entry.size) == bool(entry.pick) == downloaded
    assert bool(entry.folder) != isinstance(entry.source, Bundled)
    if isinstance(entry.source, Instructions):
        assert entry.stand_in, "or there would be no way to have it"
        assert entry.source.url.startswith("https://")


@entries
def test_checksums_are_well_formed(entry):
    digests = list(entry.digests.values())
    if isinstance(entry.source, Web):
        digests += [digest for digest in entry.source.digests.values() if digest]
    if isinstance(entry.source, Release):
        digests.append(f"sha256:{entry.source.sha256}")
    for digest in digests:
        assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", digest)


def test_directories_are_below_the_folder_of_all():
    assert find("celeba").directories(Path("eval/data")) == {
        "train_dir": "eval/data/celeba/train",
        "test_dir": "eval/data/celeba/test",
        "images_dir": "eval/data/celeba/img_align_celeba",
    }
    assert find("cifar10").directories(Path("eval/data"))["train_dir"] == "eval/data"


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(ConfigError) as error:
        find("femnits")
    assert str(error.value) == (
        "femnits: no such data set; did you mean femnist?; expected one of "
        + ", ".join(CATALOG)
    )
