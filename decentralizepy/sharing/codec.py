"""The codec of a sharing class."""

from typing import Any

from decentralizepy import factory
from decentralizepy.errors import ConfigError


def make_compressor(
    compress: bool | None,
    compression_package: str | None,
    compression_class: str | None,
    float_precision: int | None,
) -> Any:
    """Return the configured compressor, or None; see ``Sharing``."""
    if compression_package and compression_class:
        compressor = factory.load(compression_package, compression_class)
        return compressor(float_precision=float_precision)
    if compress:
        raise ConfigError(
            "needs compression_package and compression_class",
            section="SHARING",
            key="compress",
            value=True,
        )
    return None
