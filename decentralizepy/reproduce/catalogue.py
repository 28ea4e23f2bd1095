"""All studies, by their names."""

from collections.abc import Mapping
from types import MappingProxyType

from decentralizepy.errors import ConfigError, did_you_mean
from decentralizepy.reproduce.studies import choco, el, jwins, quasi_global, topology
from decentralizepy.reproduce.study import Study

STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        "topology": topology.STUDY,
        "el": el.STUDY,
        "jwins": jwins.STUDY,
        "choco": choco.STUDY,
        "quasi-global": quasi_global.STUDY,
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
