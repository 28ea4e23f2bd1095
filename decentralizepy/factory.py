"""Builds objects from sections of the INI file; the only module that imports by name."""

import importlib
import os
import pkgutil
import sys
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from decentralizepy.config.overrides import check_overrides
from decentralizepy.config.signatures import Options
from decentralizepy.config.values import fitted
from decentralizepy.errors import ConfigError, Problem, located, nearest, one_line

#: Keys that name something other than the class itself, by the prefix of the section.
RESERVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dataset": ("model_package", "model_class"),
        "attack": ("nodes", "count", "fraction", "position", "start"),
        "optimizer": ("decay_norm_and_bias",),
        "scheduler": ("interval",),
        "training": ("loss_package", "loss_class", "loss"),
    }
)

#: Folders of this package that hold plug-ins, to suggest for a misspelt module.
FAMILIES = (
    "attacks",
    "communication",
    "compression",
    "datasets",
    "graphs",
    "mappings",
    "models",
    "node",
    "sharing",
    "tracking",
    "training",
)

LOSS = "loss_"
"""What the keys of the loss's options begin with, in section TRAIN_PARAMS."""

# libraries whose import name differs from the name to install
_DISTRIBUTIONS = MappingProxyType(
    {
        "pywt": "PyWavelets",
        "sklearn": "scikit-learn",
        "PIL": "pillow",
        "zmq": "pyzmq",
        "yaml": "pyyaml",
        "cv2": "opencv-python",
    }
)


class Part(NamedTuple):
    """A class, and the options of its section."""

    cls: Any
    options: dict[str, Any]

    def build(self, *args: Any) -> Any:
        """Instantiate the class with ``args`` and the options."""
        return self.cls(*args, **self.options)


def load(module: str, name: str) -> Any:
    """Return ``name`` from ``module``, usually a class.

    Raises
    ------
    ConfigError
        If the module does not exist, cannot be imported, or has no such name.
    """
    return find_class(find_module(module), name)


def loaded(named: Any) -> Any:
    """Return the class with an import path, such as ``package.module.Class``.

    Anything else is returned unchanged. Errors as for :func:`load`.
    """
    if not isinstance(named, str):
        return named
    module, _, name = named.rpartition(".")
    return load(module, name)


def find_module(path: str) -> ModuleType:
    """Import the module ``path``.

    Raises
    ------
    ConfigError
        If the module, or one that it imports, does not exist.
    Exception
        Anything else that its code raises: a bug, shown with its traceback.
    """
    if not all(path.split(".")):
        raise ConfigError("not the path of a module", value=path)
    try:
        return importlib.import_module(path)
    except ImportError as error:
        raise ConfigError(problems=[_why(path, error)]) from error


def find_class(module: ModuleType, name: str) -> Any:
    """Return the class or function ``name`` of ``module``.

    Raises
    ------
    ConfigError
        If it does not exist, with the closest name, or if it overrides a method that is
        never called.
    """
    found = getattr(module, name, None)
    if not callable(found):
        near = nearest(name, _classes(module)) or ""
        cause = f"no such class in {module.__name__}"
        raise ConfigError(cause, value=name, suggestion=near)
    check_overrides(found)
    return found


def build(section: Mapping[str, Any], prefix: str, *args: Any) -> Any:
    """Instantiate the class that a section names.

    Parameters
    ----------
    section
        Contains ``<prefix>_package``, ``<prefix>_class`` and the options of the class.
        An empty option whose default is ``None`` is treated as absent. Text such as
        ``(0.9, 0.99)`` becomes a tuple or list if the class takes one.
    prefix
        ``dataset``, ``optimizer``, ``training``, ``scheduler``, ``comm``, ``sharing``,
        ``node``, ``graph``, ``mapping`` or ``tracking``.
    args
        The positional arguments of the class; options are passed as keyword arguments.

    Raises
    ------
    ConfigError
        If a key is missing or the class cannot be loaded.
    """
    return unpack(section, prefix).build(*args)


def unpack(section: Mapping[str, Any], prefix: str) -> Part:
    """Return the class that a section names, and its options.

    Arguments and errors as for :func:`build`.
    """
    cls = load_class(section, prefix)
    reserved = {f"{prefix}_package", f"{prefix}_class", *RESERVED.get(prefix, ())}
    if prefix == "training":
        reserved |= {f"{LOSS}{key}" for key in loss_options(section, cls)}
    rest = {key: section[key] for key in section if key not in reserved}
    return Part(cls, options_of(cls, rest))


def options_of(cls: Any, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a class, spelt and typed as it expects them."""
    known = Options.of(cls).known
    spelling = {name.lower(): name for name in known}  # INI files have no capitals
    options: dict[str, Any] = {}
    for key, value in section.items():
        name = key if key in known else spelling.get(key, key)
        option = known.get(name)
        absent = value == "" and option is not None and option.default is None
        if not absent:
            options[name] = value if option is None else fitted(option, value)
    return options


def load_class(section: Mapping[str, Any], prefix: str) -> Any:
    """Return the class that ``<prefix>_package`` and ``<prefix>_class`` name."""
    return load_named(section, f"{prefix}_package", f"{prefix}_class")


def load_loss(section: Mapping[str, Any]) -> Any:
    """Return an instance of ``loss_class``, or the function ``loss``, of ``loss_package``.

    Raises
    ------
    ConfigError
        If a key is missing, or the class or function cannot be loaded.
    """
    if section.get("loss_class"):
        loss = load_named(section, "loss_package", "loss_class")
        return loss(**options_of(loss, loss_options(section)))
    return load_named(section, "loss_package", "loss")


def load_model(section: Mapping[str, Any]) -> Any:
    """Return ``model_class`` of ``model_package``, or of the data set's module without it.

    Errors as for :func:`load_loss`.
    """
    own = section.get("model_package")
    return load_named(
        section, "model_package" if own else "dataset_package", "model_class"
    )


def loss_options(section: Mapping[str, Any], trainer: Any = None) -> dict[str, Any]:
    """Return the options of the loss: the keys of a section that begin with ``loss_``.

    Those of the class ``trainer``, by default the one that the section names, are left out.
    """
    if trainer is None and section.get("training_class"):
        trainer = load_class(section, "training")
    known = Options.of(trainer).known if trainer else ()
    others = {*RESERVED["training"], *known}
    return {
        key.removeprefix(LOSS): value
        for key, value in section.items()
        if key.startswith(LOSS) and key not in others
    }


def load_named(section: Mapping[str, Any], package: str, name: str) -> Any:
    """Return the class or function that two keys of a section name."""
    names = [_required(section, key) for key in (package, name)]
    with located(key=package):
        module = find_module(names[0])
    with located(key=name):
        return find_class(module, names[1])


def _required(section: Mapping[str, Any], key: str) -> str:
    if key not in section:
        raise ConfigError("missing", key=key)
    return str(section[key])


def _why(path: str, error: ImportError) -> Problem:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{path}.".startswith(f"{missing}."):
        cause = "no such module" if missing == path else f"no module {missing}"
        if "." not in path:
            cause += f"; looked for it in {_searched()}, and among installed ones"
        return Problem(cause, value=path, suggestion=_nearest_module(missing))
    if missing and "." not in missing:
        library = _DISTRIBUTIONS.get(missing, missing)
        cause = f"needs {missing}, which is not installed: pip install {library}"
        return Problem(cause, value=path)
    cause = f"cannot be imported: {type(error).__name__}: {one_line(error)}"
    return Problem(cause, value=path)


def _searched() -> str:
    """Return where modules are looked up, besides what is installed."""
    found = [
        path or os.getcwd()
        for path in sys.path
        if "-packages" not in path and not path.startswith(sys.base_prefix)
    ]
    return " and ".join(dict.fromkeys(filter(os.path.isdir, found))) or "no folder"


def _nearest_module(missing: str) -> str:
    """Return the path of the existing module closest to a missing one, or ""."""
    package, _, name = missing.rpartition(".")
    if not package:
        return nearest(name, _names(None), cutoff=0.75) or ""  # of hundreds
    if package == __package__:
        near = nearest(name, FAMILIES)
    else:
        folders = getattr(importlib.import_module(package), "__path__", None)
        if folders is None:  # a module, so the rest was meant as a class
            return package
        near = nearest(name, _names(folders))
    return f"{package}.{near}" if near else ""


def _names(folders: Iterable[str] | None) -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(folders))
    return [name for name in found if not name.startswith("_")]


def _classes(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_")
    ]
