"""What a constructor takes after the arguments that the framework passes."""

import math
from inspect import Parameter
from pathlib import Path

import pytest
import torch

from decentralizepy.config.signatures import Options
from tests.support import parts

BASE = ["compress", "compression_package", "compression_class", "float_precision"]
OWN = ["alpha", "step_size", "transformer", "device", "folder", "foreign", "hint"]


def test_the_first_arguments_are_no_options_whatever_their_names():
    assert list(Options.of(parts.Sharing, 8).known) == BASE
    assert list(Options.of(parts.Sharing, 9).known) == BASE[1:]


def test_a_child_that_hands_its_options_on_has_its_parents_too():
    options = Options.of(parts.Partial, 8)
    assert list(options.known) == OWN + BASE
    assert (options.closed, options.room) == (True, math.inf)


def test_a_child_may_take_an_option_out_before_it_hands_the_rest_on():
    options = Options.of(parts.Popping, 8)
    assert options.closed
    assert "theta" in options.words


def test_what_a_child_passes_is_not_required_of_the_user():
    required = Parameter.empty
    assert Options.of(parts.Partial, 8).known["step_size"].default is required
    assert Options.of(parts.Fixed, 8).known["step_size"].default is not required


def test_a_child_that_keeps_its_options_takes_any():
    assert not Options.of(parts.Keeping, 8).closed


def test_a_childs_option_hides_its_parents():
    class Child(parts.Sharing):
        def __init__(self, *args, compress: str = "no", **kwargs):
            super().__init__(*args, **kwargs)

    assert Options.of(Child, 8).known["compress"].default == "no"


def test_a_wrapped_constructor_is_not_taken_for_one_that_calls_its_parents():
    def wrap(init):
        return lambda self, *args, **kwargs: init(self, *args, **kwargs)

    class Child(parts.Sharing):
        @wrap
        def __init__(self, *args, own=1, **kwargs):
            super().__init__(*args, **kwargs)

    assert not Options.of(Child, 8).closed  # ``own`` must pass


def test_annotations_are_types():
    known = Options.of(parts.Partial, 8).known
    assert known["folder"].annotation == Path | None
    assert known["foreign"].annotation.__name__ == "Any"  # only a type checker knows it
    assert known["hint"].annotation.__name__ == "Any"


def test_a_name_in_quotes_is_looked_up_where_the_class_is():
    class Late:
        def __init__(self, uid, alpha: "float", path: "Path | None" = None):
            pass

    known = Options.of(Late, 1).known
    assert known["alpha"].annotation is float
    assert known["path"].annotation == Path | None


def test_an_optimizer_of_torch():
    options = Options.of(torch.optim.SGD, 1)
    assert list(options.known)[:3] == ["lr", "momentum", "dampening"]
    assert (options.closed, "params" in options.known) == (True, False)


@pytest.mark.parametrize(
    ("target", "known", "closed", "room"),
    [
        (parts.Net, [], True, 0),
        (parts.loss, ["output", "target"], True, 2),
        (dict, [], False, math.inf),  # written in C, without a signature
        (Options, ["known", "closed", "words", "room"], True, 4),  # has only __new__
        (torch.nn.Module, [], False, math.inf),
    ],
)
def test_classes_without_a_constructor_of_their_own(target, known, closed, room):
    options = Options.of(target)
    assert list(options.known) == known
    assert (options.closed, options.room) == (closed, room)


class Fixing(parts.Sharing):
    fixed_options = ("compress",)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, compress=True, **kwargs)


def test_what_a_class_fixes_is_no_option_of_it():
    options = Options.of(Fixing, 8)
    assert list(options.known) == BASE[1:]
    assert options.closed


def test_a_child_may_offer_again_what_its_parent_fixes():
    class Child(Fixing):
        def __init__(self, *args, compress: bool = False, **kwargs):
            super().__init__(*args, **kwargs)

    assert list(Options.of(Child, 8).known) == BASE
