"""Objects built from sections, and the error for each way in which a name can be wrong."""

import sys

import pytest
import torch

from decentralizepy import factory
from decentralizepy.errors import ConfigError
from tests.support import ROOT, parts


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Return a function that writes a package ``plugins_here`` with one module."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "plugins_here").mkdir()

    def write(name, text):
        (tmp_path / "plugins_here" / f"{name}.py").write_text(text)

    yield write
    for name in [name for name in sys.modules if name.startswith("plugins_here")]:
        del sys.modules[name]


def message(call, *args):
    with pytest.raises(ConfigError) as error:
        call(*args)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_class_is_found_by_its_module_and_name():
    assert factory.load("torch.optim", "SGD") is torch.optim.SGD


MISSING = [
    ("torch.optm", "SGD", "torch.optm: no such module; did you mean torch.optim?"),
    ("torchh.optim", "SGD", "torchh.optim: no module torchh; did you mean torch?"),
    (
        "torch.optm.sgd",
        "SGD",
        "torch.optm.sgd: no module torch.optm; did you mean torch.optim?",
    ),
    (
        "torch.optim.sgd.SGD",
        "SGD",
        "torch.optim.sgd.SGD: no such module; did you mean torch.optim.sgd?",
    ),
    ("qqqq", "SGD", "qqqq: no such module"),
    ("", "SGD", ": not the path of a module"),
    (".optim", "SGD", ".optim: not the path of a module"),
    ("q/q q", "SGD", "q/q q: no such module"),
    (
        "torch.optim",
        "sgd",  # a module
        "sgd: no such class in torch.optim; did you mean SGD?",
    ),
    ("torch.optim", "Qqqq", "Qqqq: no such class in torch.optim"),
    (
        "tests.support.parts",
        "THRESHOLD",  # a number
        "THRESHOLD: no such class in tests.support.parts",
    ),
    ("tests.support.parts", "", ": no such class in tests.support.parts"),
]


@pytest.mark.parametrize(("module", "name", "text"), MISSING)
def test_what_is_not_there_is_named_with_the_nearest(module, name, text):
    told, _, places = message(factory.load, module, name).partition("; looked for it")
    assert told == text
    assert not places or f" {ROOT}" in places


BROKEN = [
    (
        "import no_such_library.part",
        "needs no_such_library, which is not installed: pip install no_such_library",
    ),
    (
        "raise ModuleNotFoundError('no', name='pywt')",
        "needs pywt, which is not installed: pip install PyWavelets",
    ),
    (
        "import torch.no_such_part",
        "cannot be imported: ModuleNotFoundError: No module named 'torch.no_such_part'",
    ),
    (
        "from torch import no_such_name_at_all as x",
        "cannot be imported: ImportError: cannot import name 'no_such_name_at_all' from 'torch'",
    ),
]


@pytest.mark.parametrize(("text", "why"), BROKEN)
def test_what_fails_inside_a_module_is_named(plugin, text, why):
    plugin("broken", text)
    found = message(factory.load, "plugins_here.broken", "Broken")
    assert found.startswith(f"plugins_here.broken: {why}")


@pytest.mark.parametrize(
    ("text", "kind"), [("1 / 0", ZeroDivisionError), ("x =", SyntaxError)]
)
def test_a_bug_inside_a_module_is_raised_as_it_is(plugin, text, kind):
    plugin("broken", text)
    with pytest.raises(kind):
        factory.load("plugins_here.broken", "Broken")


def test_the_nearest_of_a_users_own_modules(plugin):
    plugin("OwnSharing", "class OwnSharing: pass")
    plugin("_private", "")
    assert message(factory.load, "plugins_here.OwnSharin", "OwnSharing") == (
        "plugins_here.OwnSharin: no such module; did you mean plugins_here.OwnSharing?"
    )
    assert message(factory.load, "plugins_here.private", "X") == (
        "plugins_here.private: no such module"
    )
    assert factory.load("plugins_here.OwnSharing", "OwnSharing").__name__


def section(name, prefix, **options):
    keys = {f"{prefix}_package": "tests.support.parts", f"{prefix}_class": name}
    return {**keys, **options}


def test_arguments_go_by_position_and_options_by_name():
    wire = factory.build(section("Wire", "comm", addresses="a"), "comm", 0, 0, None, 4)
    assert (wire.addresses, wire.offset) == ("a", 9000)


def test_keys_that_name_other_classes_are_no_options():
    keys = {"loss_package": "p", "loss_class": "c", "loss": "l", "rounds": 2}
    trainer = factory.build(
        section("Trainer", "training", **keys), "training", *"1234567"
    )
    assert (trainer.loss, trainer.rounds) == ("6", 2)
    keys = section("Points", "dataset", model_class="Net", random_seed=3)
    assert factory.build(keys, "dataset", 0, 0, None).options == (3, False, "")


def test_compression_is_an_option_like_others():
    names = {"compression_package": "p", "compression_class": "c", "compress": True}
    assert factory.build(
        section("Sharing", "sharing", **names), "sharing", *"12345678"
    ).compress


@pytest.mark.parametrize("name", ["Sharing", "Popping"])
def test_an_empty_option_is_absent_where_the_default_is_none(name):
    options = section(name, "sharing", float_precision="", compress="")
    sharing = factory.build(options, "sharing", *"12345678")
    assert (sharing.float_precision, sharing.compress) == (None, "")


def test_a_section_is_left_as_it_is():
    options = section("Sharing", "sharing", float_precision="")
    factory.build(options, "sharing", *"12345678")
    assert options == section("Sharing", "sharing", float_precision="")


def test_a_missing_key_is_named():
    assert message(factory.build, {"comm_clas": "TCP"}, "comm") == (
        "comm_package: missing"
    )


def test_a_loss_is_an_object_or_a_function():
    keys = {"loss_package": "torch.nn", "loss_class": "CrossEntropyLoss", "loss": "x"}
    assert isinstance(factory.load_loss(keys), torch.nn.CrossEntropyLoss)
    keys = {"loss_package": "tests.support.parts", "loss": "loss", "loss_class": ""}
    assert factory.load_loss(keys) is parts.loss


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, "loss_package: missing"),
        ({"loss_package": "torch.nn"}, "loss: missing"),
        (
            {"loss_package": "torch.nn.functional", "loss": "nll_los"},
            "loss = nll_los: no such class in torch.nn.functional; did you mean nll_loss?",
        ),
    ],
)
def test_a_loss_that_is_not_there(keys, text):
    assert message(factory.load_loss, keys) == text


@pytest.mark.parametrize("form", ["(0.9, {})", "[.9,{}]", "0.9, {}", "( 9/10, {} )"])
@pytest.mark.parametrize(
    ("name", "key", "second"),
    [("Adam", "betas", 0.99), ("AdamW", "betas", 0.99), ("Rprop", "etas", 1.5)],
)
def test_a_tuple_is_read_in_any_spelling(name, key, second, form):
    text = form.format(second)
    section = {"optimizer_package": "torch.optim", "optimizer_class": name, key: text}
    optimizer = factory.build(section, "optimizer", [torch.nn.Parameter(torch.ones(1))])
    assert tuple(optimizer.defaults[key]) == (0.9, second)


class Listing:
    def __init__(self, text: str = "", pair=(1, 2), numbers: list[float] | None = None):
        self.text, self.pair, self.numbers = text, pair, numbers


def test_numbers_are_read_only_for_an_option_that_takes_them():
    section = {
        "sharing_package": __name__,
        "sharing_class": "Listing",
        "text": "[1, 2]",
        "pair": "[3, 4]",
        "numbers": "[1/4]*2",
    }
    built = factory.build(section, "sharing")
    assert (built.text, built.pair, built.numbers) == ("[1, 2]", (3, 4), [0.25, 0.25])
