"""Names of runs from their resolved configuration: what was run, and what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from decentralizepy.results import manifests
from decentralizepy.results.methods import SEEDS, Method

Section = Mapping[str, Any]
_FLAGS = ("iterations", "procs_per_machine", "machines", "test_after")
_CLASSES = ("model_class", "sharing_class", "graph_class", "node_class")


def what_was_run(log_dir: Path) -> str:
    """Return model, sharing, graph and node class of a run; empty without a manifest."""
    configuration = manifests.read(log_dir).get("configuration", {})
    named = [
        str(section[key])
        for key in _CLASSES
        for section in configuration.values()
        if section.get(key)
    ]
    return ", ".join(named)


def differing(methods: Sequence[Method]) -> list[str]:
    """Return a label for each method that consists of what differs between them.

    These are the classes and those options in which methods with the same class differ.
    The methods keep their names if some have no manifest, or if that does not tell them
    apart.
    """
    homes = [method.home for method in methods]
    settings = [_settings(manifests.of_run(home)) if home else {} for home in homes]
    if len(methods) < 2 or not all(settings):
        return [method.tested_label for method in methods]
    labels = [", ".join(_parts(each, settings)) for each in settings]
    if len({*labels}) < len(labels) or not all(labels):
        return [method.tested_label for method in methods]
    return labels


def _settings(manifest: Mapping[str, Any]) -> dict[str, Section]:
    """Return the sections of a run that may distinguish it, with flags as another one."""
    if not manifest:
        return {}
    sections = {
        name: {key: value for key, value in of.items() if key not in SEEDS}
        for name, of in manifest["configuration"].items()
        if name not in ("RUN", "COMMUNICATION", "FAULTS", "MAPPING")
    }
    flags = {key: manifest["flags"].get(key) for key in _FLAGS}
    return {**sections, "flags": flags}


def _parts(
    own: Mapping[str, Section], settings: Sequence[Mapping[str, Section]]
) -> Iterator[str]:
    for name, section in own.items():
        others = [each.get(name, {}) for each in settings]
        alike = [each for each in others if _classes(each) == _classes(section)]
        for key, value in section.items():
            if key.endswith("_class"):
                if value and any(each.get(key) != value for each in others):
                    yield str(value)
            elif key.endswith("_package"):
                continue
            elif any(each.get(key) != value for each in alike):
                yield f"{key}={value}"


def _classes(section: Section) -> list[Any]:
    return [value for key, value in section.items() if key.endswith("_class")]
