"""Sections of the INI file turned into objects: the only place that imports by name."""

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from decentralizepy.config.signatures import Options
from decentralizepy.errors import ConfigError, did_you_mean

#: Keys that name more than the class itself, by the prefix of a section's keys.
RESERVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "dataset": ("model_class",),
        "training": ("loss_package", "loss_class", "loss"),
    }
)

#: Folders of this package that hold plug-ins; no INI file means a class elsewhere.
FAMILIES = (
    *("communication", "compression", "datasets", "graphs", "mappings", "models"),
    *("node", "sharing", "training"),
)

# where the name that is imported is not the name that is installed
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


def load(module: str, name: str) -> Any:
    """Return what ``name`` is in ``module``, a class as a rule.

    Raises
    ------
    ConfigError
        If the module is not there or fails to import, or has nothing of that name.
    """
    return find_class(find_module(module), name)


def find_module(path: str) -> ModuleType:
    """Import the module ``path``, or raise a ConfigError that says why it cannot be."""
    if not all(path.split(".")):
        raise ConfigError(f"{path}: not the path of a module")
    try:
        return importlib.import_module(path)
    except Exception as error:  # a plug-in can raise anything
        raise ConfigError(f"{path}: {_why(path, error)}") from error


def find_class(module: ModuleType, name: str) -> Any:
    """Return what ``name`` is in ``module``, or raise a ConfigError with the nearest."""
    found = getattr(module, name, None)
    if not callable(found):
        hint = did_you_mean(name, _classes(module))
        raise ConfigError(f"{name}: no such class in {module.__name__}{hint}")
    return found


def build(section: Mapping[str, Any], prefix: str, *args: Any) -> Any:
    """Return an object of the class that a section names.

    Parameters
    ----------
    section
        Holds ``<prefix>_package``, ``<prefix>_class`` and the options of the class.
        An empty option whose default is ``None`` counts as absent.
    prefix
        ``dataset``, ``optimizer``, ``training``, ``comm``, ``sharing``, ``node``,
        ``graph`` or ``mapping``.
    args
        The positional arguments of the class; the options follow as keywords.

    Raises
    ------
    ConfigError
        If a key is missing or the class cannot be had.
    """
    cls, options = unpack(section, prefix)
    return cls(*args, **options)


def unpack(section: Mapping[str, Any], prefix: str) -> tuple[Any, dict[str, Any]]:
    """Return the class that a section names, and the options for it.

    Arguments and errors as for :func:`build`.
    """
    package, name = f"{prefix}_package", f"{prefix}_class"
    cls = load(_required(section, package), _required(section, name))
    reserved = {package, name, *RESERVED.get(prefix, ())}
    options = {key: value for key, value in section.items() if key not in reserved}
    for key in _absent(cls, options):
        del options[key]
    return cls, options


def load_loss(section: Mapping[str, Any]) -> Any:
    """Return an instance of ``loss_class``, or the function ``loss``, of ``loss_package``.

    Raises
    ------
    ConfigError
        If a key is missing or the class or function cannot be had.
    """
    package = _required(section, "loss_package")
    if section.get("loss_class"):
        return load(package, section["loss_class"])()
    return load(package, _required(section, "loss"))


def _required(section: Mapping[str, Any], key: str) -> str:
    if key not in section:
        raise ConfigError(f"{key}: missing")
    return str(section[key])


def _absent(cls: Any, section: Mapping[str, Any]) -> list[str]:
    empty = [key for key, value in section.items() if value == ""]
    known = Options.of(cls).known if empty else {}
    return [key for key in empty if key in known and known[key].default is None]


def _why(path: str, error: Exception) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and f"{path}.".startswith(f"{missing}."):
        what = "no such module" if missing == path else f"no module {missing}"
        return what + _nearest_module(missing)
    if missing and "." not in missing:
        library = _DISTRIBUTIONS.get(missing, missing)
        return f"needs {missing}, which is not installed: pip install {library}"
    text = " ".join(str(error).split())
    return f"cannot be imported: {type(error).__name__}: {text}"


def _nearest_module(missing: str) -> str:
    package, _, name = missing.rpartition(".")
    if not package:
        return did_you_mean(name, _names(None))
    if package == __package__:
        return did_you_mean(name, FAMILIES, package + ".{}")
    folders = getattr(importlib.import_module(package), "__path__", None)
    if folders is None:  # a module, so what follows was meant as a class
        return f"; did you mean {package}?"
    return did_you_mean(name, _names(folders), package + ".{}")


def _names(folders: Iterable[str] | None) -> list[str]:
    found = (module.name for module in pkgutil.iter_modules(folders))
    return [name for name in found if not name.startswith("_")]


def _classes(module: ModuleType) -> list[str]:
    return [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_")
    ]
