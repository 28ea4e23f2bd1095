"""Classes of this package, by the names that users write."""

from pathlib import Path
from typing import Any, NamedTuple

from decentralizepy import factory
from decentralizepy.config.assignments import FOLDERS
from decentralizepy.errors import ConfigError, did_you_mean, nearest

PACKAGE = Path(__file__).resolve().parents[1]
NEW = ("sharing", "dataset", "graph")  # kinds of classes that init --new writes


class Choice(NamedTuple):
    """A class of this package: its module, and the class itself."""

    module: str
    cls: Any


def is_like_ours(kind: str, name: str) -> bool:
    """Return whether a name is that of a class of this package, or close to one.

    ``kind`` is sharing, dataset or graph; or model, of those of the digits. ``MySharing``
    is not like ``Sharing``, the base class.
    """
    if kind == "model":
        found = models(find("dataset", "Digits"))
    else:
        found = [*classes(FOLDERS[kind])]
    known = {plain(each) for each in found}
    others = known - {kind}
    return plain(name) in known or nearest(plain(name), others, cutoff=0.75) is not None


def find(what: str, name: str) -> Choice:
    """Return a class of this package by its name, in which case and - do not count.

    Raises
    ------
    ConfigError
        If there is none, with the nearest name.
    """
    modules = classes(FOLDERS[what])
    wanted = plain(name)
    for stem, path in modules.items():
        if plain(stem) == wanted:
            module = ".".join(path.with_suffix("").parts)
            return Choice(module, factory.load(module, stem))
    hint = did_you_mean(name, modules) or f"; these are: {', '.join(modules)}"
    if what in NEW:
        hint += f" (to write a new class: init --{what} {name} --new)"
    raise ConfigError(f"--{what} {name}: no such class{hint}")


def classes(folder: str) -> dict[str, Path]:
    """Return the modules that are called like their class, by this name."""
    paths = sorted((PACKAGE / folder).rglob("[!_]*.py"))
    return {
        path.stem: path.relative_to(PACKAGE.parent)
        for path in paths
        if path.stem[0].isupper()
    }


def plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").casefold()


def models(dataset: Choice) -> list[str]:
    """Return the names of the models in the module of a data set."""
    import torch

    return [
        key
        for key, value in vars(factory.find_module(dataset.module)).items()
        if isinstance(value, type)
        and issubclass(value, torch.nn.Module)
        and not key.startswith("_")
        and key != "Model"
    ]


def find_model(dataset: Choice, name: str | None) -> str:
    """Return the name of a model in the module of a data set; the first if None."""
    found = models(dataset)
    if name is None:
        return found[0]
    if name not in found:
        hint = did_you_mean(name, found) or f"; these are: {', '.join(found)}"
        place = dataset.cls.__name__
        raise ConfigError(f"--model {name}: {place} has no such model{hint}")
    return name
