"""Templates of plug-ins, which ``decentralizepy init`` writes: a module, an INI, a test."""

import keyword
import pkgutil
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from decentralizepy.config import ini
from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic

FOLDER = Path(__file__).resolve().parents[1] / "templates"
SECTIONS = {
    "sharing": "SHARING",
    "node": "NODE",
    "dataset": "DATASET",
    "graph": "GRAPH",
    "model": "DATASET",
    "training": "TRAIN_PARAMS",
}
"""The section that names a plug-in, by its kind, which is also the prefix of the keys."""


def write(kind: str, name: str, overwrite: bool = False) -> list[Path]:
    """Write a module, an INI file and a test to the working directory; return their paths.

    Parameters
    ----------
    kind
        A key of ``SECTIONS``.
    name
        Of the class: ``MyIdea`` or ``my-idea``, in the module ``my_idea``.
    overwrite
        Whether to replace files.

    Raises
    ------
    ConfigError
        If there are files of these names, or the module would hide another.
    """
    module, cls = names(f"--{kind}", name)
    contents = {
        f"{module}.py": _filled(kind, module, cls),
        f"{module}.ini": ini.render(configuration(kind, module, cls)),
        f"test_{module}.py": _filled("test", module, cls),
    }
    paths = [Path(file) for file in contents]
    if there := [str(path) for path in paths if path.exists() and not overwrite]:
        raise ConfigError(
            f"{', '.join(there)}: exists already; --overwrite replaces it"
        )
    for path, content in zip(paths, contents.values(), strict=True):
        write_atomic(path, content)
    return paths


def names(flag: str, name: str) -> tuple[str, str]:
    """Return the names of the module and the class.

    Raises
    ------
    ConfigError
        If they are no names, or a module of this name is installed.
    """
    words = re.split(r"[-_ ]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name))
    module = "_".join(words).lower()
    if not module.isidentifier() or keyword.iskeyword(module):
        expected = "the name of a class, such as MyIdea"
        raise ConfigError(key=flag, value=name, expected=expected)
    folders = [path for path in sys.path if path not in ("", str(Path.cwd()))]
    installed = {each.name for each in pkgutil.iter_modules(folders)}
    if module in installed | sys.stdlib_module_names:
        cause = f"there is a module {module}, which {module}.py would hide"
        raise ConfigError(cause, key=flag, value=name)
    return module, "".join(word[0].upper() + word[1:] for word in words)


def configuration(kind: str, module: str, cls: str) -> dict[str, dict[str, Any]]:
    """Return the sections of a short experiment with a plug-in."""
    config = {section: dict(options) for section, options in BASE.items()}
    named = {f"{kind}_package": module, f"{kind}_class": cls}
    if kind == "dataset":
        config["DATASET"] = {"model_class": "Net"}
    config.setdefault(SECTIONS[kind], {}).update(named)
    folders = {
        "log_dir": f"runs/{module}",
        "weights_store_dir": f"runs/{module}/weights",
    }
    config["RUN"] = {**BASE["RUN"], **folders, "overwrite": True}
    return config


def _filled(name: str, module: str, cls: str) -> str:
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    return Template(text).substitute(name=cls, module=module)


BASE: Mapping[str, Mapping[str, Any]] = {
    "DATASET": {
        "dataset_package": "decentralizepy.datasets.Digits",
        "dataset_class": "Digits",
        "model_class": "MLP",
        "partition_niid": "iid",
    },
    "OPTIMIZER_PARAMS": {
        "optimizer_package": "torch.optim",
        "optimizer_class": "SGD",
        "lr": 0.1,
    },
    "TRAIN_PARAMS": {
        "training_package": "decentralizepy.training.Training",
        "training_class": "Training",
        "rounds": 3,
        "batch_size": 8,
        "shuffle": True,
        "loss_package": "torch.nn",
        "loss_class": "CrossEntropyLoss",
    },
    "COMMUNICATION": {
        "comm_package": "decentralizepy.communication.IPC",
        "comm_class": "IPC",
    },
    "SHARING": {
        "sharing_package": "decentralizepy.sharing.Sharing",
        "sharing_class": "Sharing",
    },
    "GRAPH": {
        "graph_package": "decentralizepy.graphs.Ring",
        "graph_class": "Ring",
    },
    "RUN": {"procs_per_machine": 4, "iterations": 20, "test_after": 5},
}
