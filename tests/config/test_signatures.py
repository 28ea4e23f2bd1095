"""What a constructor takes after the arguments that the framework passes."""

import math
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from inspect import Parameter
from pathlib import Path

import pytest
import torch

from decentralizepy.config.signatures import Options, is_ours, parameters
from decentralizepy.node.FederatedParameterServer import FederatedParameterServer
from decentralizepy.sharing.Choco import Choco
from tests.support import parts

ROOT = Path(__file__).resolve().parent.parent.parent
BASE = ["compress", "compression_package", "compression_class", "float_precision"]
OWN = ["alpha", "step_size", "transformer", "device", "folder", "foreign", "hint"]


def test_the_first_arguments_are_no_options_whatever_their_names():
    assert list(Options.of(parts.Sharing, 8).known) == BASE
    assert list(Options.of(parts.Sharing, 9).known) == BASE[1:]


def test_what_a_child_of_the_users_own_hands_on_may_be_anything():
    options = Options.of(parts.Partial, 8)
    assert list(options.known) == OWN + BASE
    assert (options.closed, options.room) == (False, math.inf)


def test_what_a_child_may_pass_itself_is_not_required_of_the_user():
    required = Parameter.empty
    assert Options.of(parts.Partial, 8).known["step_size"].default is required
    assert Options.of(parts.Fixed, 8).known["step_size"].default is not required


def test_a_class_of_ours_takes_its_own_options_and_its_parents_alone():
    options = Options.of(Choco, 8)
    assert options.closed
    assert {"step_size", "alpha", "compress"} <= options.known.keys()


def test_ours_is_what_this_package_has():
    assert is_ours(Choco)
    assert not is_ours(parts.Sharing)
    assert not is_ours(is_ours)  # a function: nothing can be told of it


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
        (Options, ["known", "closed", "room"], True, 3),  # has only __new__
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


def test_a_child_may_offer_again_what_its_parent_fixes():
    class Child(Fixing):
        def __init__(self, *args, compress: bool = False, **kwargs):
            super().__init__(*args, **kwargs)

    assert list(Options.of(Child, 8).known) == BASE


class Mixin:
    def __init__(self, *args, noise: float = 0.0, **kwargs):
        super().__init__(*args, **kwargs)


class Helped(parts.Sharing):
    def __init__(self, *args, **kwargs):
        self.theta = take(kwargs, "theta")
        super().__init__(*args, **kwargs)


def take(options, name):
    return options.pop(name, 1)


class Asking(parts.Sharing):
    def __init__(self, *args, **kwargs):
        self.theta = kwargs.get("theta", 1)
        super().__init__(*args)


class Positional(parts.Sharing):
    def __init__(self, *args):
        super().__init__(*args)


class Mixed(Mixin, parts.Sharing):
    pass


@dataclass
class Record:
    rank: int
    machine_id: int
    mapping: object
    alpha: float
    beta: int = 3


class Strict:
    def __init__(self, rank, machine_id, mapping, *, alpha: float):
        pass


class Made:
    def __new__(cls, rank, machine_id, mapping, alpha: float = 1.0):
        return super().__new__(cls)


class Both:
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, rank, machine_id, mapping, alpha: float = 1.0):
        pass


class Heir(Both):
    pass


class Descent(torch.optim.SGD):
    def __init__(self, params, *, warm: int = 0, **kwargs):
        super().__init__(params, **kwargs)


SGD = list(Options.of(torch.optim.SGD, 1).known)
HABITS = {
    "takes its own key out in a helper": (Helped, 8, BASE, False),
    "reads a key of its kwargs": (Asking, 8, BASE, False),
    "takes all by position": (Positional, 8, [], True),
    "a mixin": (Mixed, 8, ["noise", *BASE], False),
    "partial": (partial(Strict, alpha=2.0), 3, ["alpha"], True),
    "a dataclass": (Record, 3, ["alpha", "beta"], True),
    "keywords alone": (Strict, 3, ["alpha"], True),
    "made, not filled": (Made, 3, ["alpha"], True),
    "made and filled": (Both, 3, ["alpha"], True),
    "inherits both": (Heir, 3, ["alpha"], True),
    "inherits from torch": (Descent, 1, ["warm", *SGD], False),
    "inherits all from torch": (type("D", (torch.optim.SGD,), {}), 1, SGD, True),
}


@pytest.mark.parametrize(
    ("target", "passed", "known", "closed"), HABITS.values(), ids=HABITS
)
def test_constructors_of_the_users_own_of_all_habits(target, passed, known, closed):
    options = Options.of(target, passed)
    assert list(options.known) == known
    assert options.closed == closed
    assert options.room >= passed


def test_an_inherited_server_is_told_by_its_constructor_on_every_python():
    """Pythons differ: 3.11.2 would show what ``Node.__new__`` takes, which is anything."""

    class Server(FederatedParameterServer):
        pass

    assert [*parameters(Server)][:3] == ["rank", "machine_id", "mapping"]
    assert [*parameters(Heir)] == ["rank", "machine_id", "mapping", "alpha"]


ON_EACH_PYTHON = """
from decentralizepy.config.signatures import Options, parameters

class Node:
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

class Server(Node):
    def __init__(self, rank, test_after: int = 3):
        pass

class Own(Server):
    pass

print([*parameters(Own)], [*Options.of(Own, 1).known], Options.of(Own, 1).room)
"""


def test_the_machines_own_python_finds_the_same_constructor():
    """Debian's 3.11.2 is one of those that look at ``__new__`` first."""
    pythons = {sys.executable, shutil.which("python3", path="/usr/bin:/bin")} - {None}
    for python in pythons:
        done = subprocess.run(
            [python, "-c", ON_EACH_PYTHON], cwd=ROOT, capture_output=True, text=True
        )
        assert done.stdout == "['rank', 'test_after'] ['test_after'] 2\n", done.stderr


def test_an_option_that_a_helper_takes_reaches_a_class_of_the_users():
    assert "theta" not in Options.of(Helped, 8).known
    assert Helped(*"12345678", theta=3).theta == 3
