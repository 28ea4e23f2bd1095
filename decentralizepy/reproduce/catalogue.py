"""All studies, by their names."""

from collections.abc import Mapping
from types import MappingProxyType

from decentralizepy.errors import ConfigError, did_you_mean
from decentralizepy.reproduce.studies import (
    byzantine,
    choco,
    el,
    jwins,
    privacy,
    quasi_global,
    relay,
    topology,
)
from decentralizepy.reproduce.study import Study

STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "topology": topology.STUDY,
        "el": el.STUDY,
        "jwins": jwins.STUDY,
        "choco": choco.STUDY,
        "relay": relay.STUDY,
        "quasi-global": quasi_global.STUDY,
        "byzantine": byzantine.STUDY,
        "privacy": privacy.STUDY,
    }
)


def find(name: str) -> Study:
    """Return a study by its name.

    Raises
    ------
    ConfigError
        If there is none, with the nearest name.
    """
    if name not in STUDIES:
        hint = did_you_mean(name, STUDIES) or f"; these are: {', '.join(STUDIES)}"
        raise ConfigError(f"{name}: no such study{hint}")
    return STUDIES[name]
