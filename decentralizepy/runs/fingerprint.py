"""Digests of what must be the same on all machines: code of plug-ins, data and flags."""

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xxhash

from decentralizepy.config.signatures import is_ours
from decentralizepy.runs.source import of_files, of_package

if TYPE_CHECKING:
    from decentralizepy.runs.experiment import Experiment

PACKAGE = "decentralizepy"
KNOWN = {PACKAGE, "torch", *sys.stdlib_module_names}
# bytes of an array that are hashed; of a larger one, evenly spread rows
SAMPLED = 1 << 26
BILLION = 10**9


def take(experiment: "Experiment", dataset: Any) -> dict[str, int | None]:
    """Return the digests of a machine, by names that users know.

    Parameters
    ----------
    experiment
    dataset
        A node's data set, as the launcher has built it.

    Returns
    -------
    dict
        Values are None if they cannot be compared.
    """
    other = _other(experiment, dataset)
    target = experiment.args.target_accuracy
    rate = experiment.args.working_rate if experiment.served else None
    return {
        f"version of {PACKAGE}": of_package(),
        "source of plug-ins": of_source(classes(experiment)),
        "--reset_optimizer": int(experiment.args.reset_optimizer),
        "--target_accuracy": round(target * BILLION),
        "--test_after": int(experiment.args.test_after) if target else None,
        "--working_rate": None if rate is None else round(rate * BILLION),
        "training data": of_data(dataset, "trainset", other),
        "test data": of_data(dataset, "testset", other),
    }


def of_source(classes: Iterable[Any]) -> int:
    """Return a digest of the files of :func:`sources`."""
    return of_files(sources(classes))


def sources(classes: Iterable[Any]) -> dict[str, Path]:
    """Return the files of the modules of classes outside this package and torch, by name.

    This includes the modules of their base classes, and modules imported there, except
    for installed ones.
    """
    modules = {module.__name__: module for cls in classes for module in _modules(cls)}
    left = [*modules.values()]
    while left:
        for each in _imported(left.pop()):
            if each.__name__ not in modules:
                modules[each.__name__] = each
                left.append(each)
    return {name: Path(str(modules[name].__file__)) for name in modules}


def of_data(dataset: Any, name: str, other: Any = None) -> int | None:
    """Return a digest of the whole set, of which a node's partition is a view.

    Of a user's class, which may only have its node's part, or compute its floats differently
    on different CPUs, the shapes and the whole numbers count, such as labels, if ``other``
    has the same. If it overrides ``whole``, all its arrays do.

    Parameters
    ----------
    dataset
    name
        ``trainset`` or ``testset``.
    other
        The data set of another node of the machine.

    Returns
    -------
    int or None
        None if unknown, and with ``only_local``, where each machine may have its own data.
    """
    if getattr(dataset, "only_local", False):
        return None
    if is_ours(type(dataset)) or _tells_whole(dataset):
        return _of_arrays(dataset, name, "biufc")
    digest = _of_arrays(dataset, name, "biu")
    return digest if other and _of_arrays(other, name, "biu") == digest else None


def _tells_whole(dataset: Any) -> bool:
    """Return whether a user's class overrides ``whole``."""
    module = _module_of(getattr(type(dataset), "whole", None))
    return not module.startswith(f"{PACKAGE}.")


def _of_arrays(dataset: Any, name: str, kinds: str) -> int | None:
    """Return a digest of the shapes of a set's arrays, and of the content of ``kinds``.

    None if it has no arrays.
    """
    arrays = dict(_arrays("", getattr(dataset.whole(name), "__dict__", {})))
    digest = xxhash.xxh3_64()
    for key in sorted(arrays):
        array = arrays[key]
        digest.update(f"{key} {array.dtype} {array.shape}".encode())
        if array.dtype.kind in kinds:
            digest.update(np.ascontiguousarray(_sample(array)).data)
    return digest.intdigest() if arrays else None


def _arrays(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the arrays and tensors in a value, and a name of each."""
    if isinstance(value, torch.Tensor):
        if value.layout == torch.strided and value.dtype != torch.bfloat16:
            yield name, value.detach().cpu().numpy()
    elif isinstance(value, np.ndarray) and value.dtype != object:
        yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _arrays(f"{name}.{key}", each)
    elif isinstance(value, tuple):  # as of a TensorDataset
        yield from _arrays(name, dict(enumerate(value)))


def _other(experiment: "Experiment", dataset: Any) -> Any:
    """Return the data set of another node of this machine, if that is of use."""
    ranks = [rank for rank in experiment.ranks if 0 <= rank != dataset.rank]
    if is_ours(type(dataset)) or experiment.args.machines == 1 or not ranks:
        return None
    place = (ranks[0], experiment.args.machine_id, experiment.mapping)
    return experiment.parts["DATASET"].build(*place)


def _sample(array: Any) -> Any:
    step = -(-array.nbytes // SAMPLED)
    return array[:: max(1, step)] if array.ndim else array


def classes(experiment: "Experiment") -> list[Any]:
    """Return what an experiment's sections name: classes, and the module of the loss."""
    parts = experiment.parts
    named = [
        part.cls
        for section, part in parts.sections.items()
        if section != "TRACKING"  # runs in launchers, and changes no numbers
    ]
    nodes = [experiment.node_class, experiment.service_class]
    loss = experiment.config["TRAIN_PARAMS"].get("loss_package")
    return [*named, parts.model_class, *nodes, sys.modules.get(str(loss))]


def _modules(cls: Any) -> Iterator[ModuleType]:
    """Yield the modules of a class and its bases, of a function, or a module itself."""
    for each in getattr(cls, "__mro__", (cls,)):
        name = each.__name__ if isinstance(each, ModuleType) else _module_of(each)
        if name.partition(".")[0] not in KNOWN and (module := _with_source(name)):
            yield module


def _imported(module: ModuleType) -> Iterator[ModuleType]:
    """Yield the modules that are not installed and that a module has taken names from."""
    installed = [sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")]
    for value in vars(module).values():
        for each in _modules(value):
            if not str(each.__file__).startswith(tuple(installed)):
                yield each


def _module_of(value: Any) -> str:
    return str(getattr(value, "__module__", None) or "")


def _with_source(name: str) -> ModuleType | None:
    module = sys.modules.get(name)
    file = str(getattr(module, "__file__", None) or "")
    return module if file.endswith(".py") and Path(file).exists() else None
