"""Breaks when a method that a user's class overrides in vain goes unnoticed."""

import pytest

from decentralizepy import factory
from decentralizepy.config.overrides import check_overrides
from decentralizepy.errors import ConfigError
from decentralizepy.sharing.Choco import Choco
from tests.support import parts


class Vain(Choco):
    def _compress(self, x):
        return x


class Caller(Vain):
    """Calls by itself what nothing else calls."""

    def serialized_model(self):
        return {"params": self._compress(self.flat.vector())}


class Child(Vain):
    """Inherits what is overridden in vain."""


@pytest.mark.parametrize("kind", [Vain, Child])
def test_a_method_that_nothing_calls_is_named_with_the_one_to_override(kind):
    with pytest.raises(ConfigError) as caught:
        check_overrides(kind)
    assert str(caught.value) == (
        f"{kind.__name__}: overrides _compress, which nothing calls here; "
        "override encode and decode instead"
    )


@pytest.mark.parametrize("kind", [Choco, Caller, parts.Sharing, len])
def test_others_may_have_what_methods_they_like(kind):
    check_overrides(kind)


def test_a_section_that_names_such_a_class_is_an_error(monkeypatch):
    monkeypatch.setattr(parts, "Vain", Vain, raising=False)
    section = {"sharing_package": "tests.support.parts", "sharing_class": "Vain"}
    with pytest.raises(
        ConfigError, match=r"^sharing_class = Vain: overrides _compress"
    ):
        factory.load_class(section, "sharing")
