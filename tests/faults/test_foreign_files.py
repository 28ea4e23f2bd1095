"""Files of strangers: breaks when one can run code, or raises a foreign exception."""

import ast
import pickle
import random
import zipfile
from pathlib import Path

import pytest
import torch

import decentralizepy
from decentralizepy.checkpoints import Checkpoints
from decentralizepy.datasets.CIFAR10 import CIFAR10
from decentralizepy.errors import ConfigError, DataError
from decentralizepy.models.Model import Model
from tests.support.fuzz_parsers import mutated

PACKAGE = Path(decentralizepy.__file__).parent
BANNED = {
    "eval",
    "exec",
    "pickle.load",
    "pickle.loads",
    "marshal.loads",
    "shelve.open",
    "recv_pyobj",
    "send_pyobj",
    "torch.load",
    "numpy.load",
    "np.load",
}


class Net(Model):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)


class Payload:
    """What touches a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return Path.touch, (self.file,)


def dangers(source):
    """Return the calls in a module's text that can run what they read."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            banned = name in BANNED or name.rpartition(".")[2] in {
                "recv_pyobj",
                "send_pyobj",
            }
            safe = {"weights_only": "True", "allow_pickle": "False"}
            words = {word.arg: ast.unparse(word.value) for word in node.keywords}
            if banned and not any(words.get(key) == safe[key] for key in safe):
                found.append(ast.unparse(node))
        if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal"):
            found.append(ast.unparse(node))
    return found


def test_no_module_runs_what_it_reads():
    """One such call in a transport is a way in for everybody: CVE-2025-32444 and others."""
    found = {
        str(path): calls
        for path in PACKAGE.rglob("*.py")
        if (calls := dangers(path.read_text(encoding="utf-8")))
    }
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "eval(x)",
        "pickle.loads(b)",
        "socket.recv_pyobj()",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "from pickle import loads",
        "np.load(f, allow_pickle=True)",
    ],
)
def test_the_rule_sees(text):
    """Else the test above could not fail."""
    assert dangers(text)
    assert not dangers("torch.load(f, weights_only=True); ast.literal_eval(x)")


def test_weights_that_carry_code_run_none(tmp_path):
    """In the pickle of the file format, and as a bare pickle."""
    touched, whole = tmp_path / "touched", tmp_path / "whole.pt"
    torch.save({"layer.weight": Payload(touched)}, whole)
    bare = tmp_path / "bare.pt"
    bare.write_bytes(pickle.dumps(Payload(touched), protocol=2))
    for path in (whole, bare):
        with pytest.raises(pickle.UnpicklingError):
            Net().load_weights(path)
    assert not touched.exists()
    assert any(name.endswith("data.pkl") for name in zipfile.ZipFile(whole).namelist())
    torch.load(whole, weights_only=False)
    assert touched.exists()  # so the payload was one


def test_a_cifar_batch_that_carries_code_runs_none(tmp_path):
    """CIFAR's batches are pickles that people copy from one another."""
    touched = tmp_path / "touched"
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch", "batches.meta"]
    for folder in (tmp_path, tmp_path / "cifar-10-batches-py"):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).write_bytes(pickle.dumps({b"data": Payload(touched)}))
    with pytest.raises(DataError):
        CIFAR10.prepare(train_dir=str(tmp_path), test_dir=str(tmp_path))
    assert not touched.exists()


def test_2_000_mutated_checkpoints(tmp_path):
    """Torn or changed, a checkpoint is damaged, and an older one is looked for."""
    checkpoints = Checkpoints(str(tmp_path), 0, 1)
    tensors = {"a": torch.arange(12.0).view(3, 4), "b": torch.zeros(0)}
    checkpoints.write(1, {"round": 1, "peers": [1, 2]}, tensors, 2)
    path, generator = checkpoints.path(1), random.Random(0)
    data, damaged = path.read_bytes(), 0
    for _ in range(2_000):
        path.write_bytes(mutated(data, generator))
        try:
            checkpoints.read(1)
        except ConfigError as error:
            assert str(path) in str(error)  # noqa: PT017
            damaged += 1
    assert damaged > 1_000
