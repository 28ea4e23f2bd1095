"""Model: counting, files and what sharing algorithms keep in it."""

import pytest
import torch
from torch import nn

from decentralizepy.models import Model


class Net(Model):
    """Six weights, two of them frozen, and BatchNorm's five buffered numbers."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(1, 2, bias=False)
        self.fc.weight.requires_grad_(False)
        self.bn = nn.BatchNorm1d(2)


def test_parameters_are_counted_without_buffers():
    assert Net().count_params() == 6
    assert Net().count_params(only_trainable=True) == 4


def test_weights_are_the_state_dict_as_one_vector():
    net = Net()
    net.fc.weight.data = torch.tensor([[3.0], [4.0]])
    assert net.get_weights().tolist() == [3, 4, 1, 1, 0, 0, 0, 0, 1, 1, 0]


def test_weights_are_a_copy():
    net = Net()
    net.get_weights().zero_()
    assert net.bn.weight.tolist() == [1, 1]


def test_dumped_weights_come_back(tmp_path):
    net, other = Net(), Net()
    net.dump_weights(str(tmp_path), uid=3, round=17)
    assert [path.name for path in tmp_path.iterdir()] == ["17_weight_3.pt"]
    other.load_weights(tmp_path / "17_weight_3.pt")
    assert torch.equal(net.get_weights(), other.get_weights())


def test_a_failed_dump_leaves_the_old_file(tmp_path, monkeypatch):
    net = Net()
    net.dump_weights(str(tmp_path), 0, 1)
    before = (tmp_path / "1_weight_0.pt").read_bytes()

    def fail(state, file):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        net.dump_weights(str(tmp_path), 0, 1)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


class Hostile:
    def __reduce__(self):
        return print, ("executed",)


def test_a_hostile_file_is_not_executed(tmp_path, capsys):
    torch.save(Hostile(), tmp_path / "model.pt")
    with pytest.raises(Exception, match="Weights only load failed"):
        Net().load_weights(tmp_path / "model.pt")
    assert capsys.readouterr().out == ""


def test_rewinding_forgets_what_was_shared():
    net = Net()
    assert net.model_change is net.shared_parameters_counter is None
    net.rewind_accumulation(torch.tensor([0]))
    net.accumulated_changes = torch.tensor([1.0, 2.0, 3.0])
    net.rewind_accumulation(torch.tensor([0, 2]))
    assert net.accumulated_changes.tolist() == [0, 2, 0]
