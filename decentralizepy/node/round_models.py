"""The models of all nodes after a round, in one file, until they have been averaged."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch

from decentralizepy.models.flat import tensors
from decentralizepy.results.write import MODELS

State = dict[str, torch.Tensor]


class RoundModels:
    """One byte per node, which is 1 once its model is there, then one row per node.

    A row is the memory of all tensors of the ``state_dict``, so that the mean has the
    same bits as one of saved weights.

    Parameters
    ----------
    log_dir : Path or str
    number : int
        The round, from 1.
    nodes : int
        How many nodes there are.
    """

    def __init__(self, log_dir: Path | str, number: int, nodes: int) -> None:
        self.path = Path(log_dir, MODELS, str(number))
        self.number, self.nodes = number, nodes

    def put(self, uid: int, model: torch.nn.Module) -> None:
        """Write the model of a node."""
        self.path.parent.mkdir(exist_ok=True)
        row = b"".join(_memory(each) for each in tensors(model).values())
        # nodes write to the same file at once, each to its own places
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        with open(descriptor, "r+b") as file:
            file.seek(self.nodes + uid * len(row))
            file.write(row)
            file.flush()
            file.seek(uid)
            file.write(b"\1")

    def put_rows(self, first: int, rows: torch.Tensor) -> None:
        """Write the models of consecutive nodes, whose tensors are all float32.

        Parameters
        ----------
        first : int
            The uid of the first one.
        rows : torch.Tensor, shape (n, N)
        """
        self.path.parent.mkdir(exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        with open(descriptor, "r+b") as file:
            file.seek(self.nodes + first * rows[0].nbytes)
            file.write(rows.numpy().data)
            file.flush()
            file.seek(first)
            file.write(b"\1" * len(rows))

    def complete(self) -> bool:
        """Return whether the models of all nodes are there."""
        with open(self.path, "rb") as file:
            return file.read(self.nodes).count(1) == self.nodes

    def states(self, like: Mapping[str, torch.Tensor]) -> "States":
        """Return the models in order of uid; ``like`` has tensors of the same kind."""
        return States(self, like)

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink()


class States:
    """The models in a file, which are read whenever they are iterated over."""

    def __init__(self, models: RoundModels, like: Mapping[str, torch.Tensor]) -> None:
        self._models, self._like = models, like

    def __len__(self) -> int:
        return self._models.nodes

    def __iter__(self) -> Iterator[State]:
        sizes = [each.nbytes for each in self._like.values()]
        with open(self._models.path, "rb") as file:
            file.seek(len(self))
            for _ in range(len(self)):
                row = torch.frombuffer(
                    bytearray(file.read(sum(sizes))), dtype=torch.uint8
                )
                parts = zip(self._like.items(), torch.split(row, sizes), strict=True)
                yield {name: _tensor(part, kind) for (name, kind), part in parts}


def waiting(log_dir: Path | str, nodes: int) -> list[RoundModels]:
    """Return the rounds whose models have not been averaged yet, in order."""
    numbers = [int(path.name) for path in Path(log_dir, MODELS).glob("*")]
    return [RoundModels(log_dir, number, nodes) for number in sorted(numbers)]


def _memory(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().cpu().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def _tensor(memory: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    # a copy, as what is cut out of a row may not lie where its type demands
    return memory.clone().view(like.dtype).reshape(like.shape)
