"""A model of ten parameters and a data set of 64 points, which an INI file can name."""

import ctypes
import multiprocessing
import os
import signal
import time
from pathlib import Path

import torch

from decentralizepy.datasets.Data import Data
from decentralizepy.datasets.Dataset import Dataset
from decentralizepy.models.Model import Model


class Linear(Model):
    """Two classes in a plane of four features: 4 x 2 weights and 2 biases."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x)


class Plain(torch.nn.Linear):
    """The same, as a module of torch's that knows nothing of this package."""

    def __init__(self):
        super().__init__(4, 2)


class Lazy(Model):
    """Linear, but the shape of its weights is that of the first batch."""

    def __init__(self):
        super().__init__()
        self.fc = torch.nn.LazyLinear(2)

    def forward(self, x):
        return self.fc(x)


class Counting(Linear):
    """Linear, and counts its calls in training as extra state."""

    def __init__(self):
        super().__init__()
        self.calls = {"training": 0, "of": (self.fc.weight.shape[0], "outputs")}

    def forward(self, x):
        self.calls["training"] += self.training
        return super().forward(x)

    def get_extra_state(self):
        return dict(self.calls)

    def set_extra_state(self, state):
        self.calls = dict(state)


class Points(Dataset):
    """64 points whose first feature tells their class; dealt out in turn."""

    num_classes = 2

    def __init__(self, rank, machine_id, mapping, random_seed=1234, **options):
        super().__init__(rank, machine_id, mapping, random_seed, **options)
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(64, 4, generator=generator)
        y = (x[:, 0] > 0).long()
        mine = slice(max(self.dataset_id, 0), None, self.num_partitions)
        self.trainset, self.testset = Data(x[mine], y[mine]), Data(x, y)
        self.__training__ = self.__testing__ = True


class Uneven(Points):
    """Of 36 points, uid u has u + 1."""

    def __init__(self, rank, machine_id, mapping, **options):
        super().__init__(rank, machine_id, mapping, **options)
        n, uid = self.num_partitions, self.uid
        first, count = uid * (uid + 1) // 2, uid + 1
        part = slice(0, 36) if n == 1 else slice(first, first + count)
        whole = self.testset
        self.trainset = Data(whole.x[part], whole.y[part])


CONFIG = {
    "DATASET": {
        "dataset_package": "tests.support.toy",
        "dataset_class": "Points",
        "model_class": "Linear",
        "random_seed": 3,
    },
    "OPTIMIZER_PARAMS": {
        "optimizer_package": "torch.optim",
        "optimizer_class": "SGD",
        "lr": 0.2,
    },
    "TRAIN_PARAMS": {
        "training_package": "decentralizepy.training.Training",
        "training_class": "Training",
        "rounds": 2,
        "batch_size": 4,
        "shuffle": True,
        "loss_package": "torch.nn",
        "loss_class": "CrossEntropyLoss",
    },
    "SHARING": {
        "sharing_package": "decentralizepy.sharing.Sharing",
        "sharing_class": "Sharing",
    },
}


class Dying(Points):
    """Points whose node 2 comes to an end in its third round, in the way of ``how``."""

    def __init__(self, rank, machine_id, mapping, how="raise", **options):
        super().__init__(rank, machine_id, mapping, **options)
        self.how, self.passes = how, 0

    def get_trainset(self, batch_size=1, shuffle=False):
        if self.uid == 2 and not shuffle:  # the evaluation at the end of a round
            self.passes += 1
            if self.passes == 3:
                die(self.how)
        return super().get_trainset(batch_size, shuffle)


def die(how):
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if how == "hang":
        time.sleep(3_600)
    raise RuntimeError("the toy broke")


class Stillborn(Points):
    """Points that node 2 fails to load, once node 0 has created the file ``after``."""

    def __init__(self, rank, machine_id, mapping, after: str = "", **options):
        super().__init__(rank, machine_id, mapping, **options)
        if self.uid == 0 and after:
            Path(after).touch()
        if self.uid == 2 and multiprocessing.parent_process():
            while after and not Path(after).exists():
                time.sleep(0.01)
            die("raise")


class Shy(Points):
    """Points that the launcher cannot be tested on."""

    def test(self, model, loss):
        if multiprocessing.parent_process() is None:
            raise RuntimeError("the toy tests in nodes alone")
        return super().test(model, loss)


class Endless(Points):
    """Points of a network that takes its time."""

    def get_trainset(self, batch_size=1, shuffle=False):
        time.sleep(0.05)
        return super().get_trainset(batch_size, shuffle)
