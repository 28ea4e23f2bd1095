"""Checkpoint files, and the object state they contain."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic

FOLDER = "checkpoints"
OURS = f"{__package__}."
PLACE = "rank", "machine_id", "uid", "log_dir"  # set whenever a node is built


class Stateful:
    """An object whose state is saved in checkpoints.

    A class lists in ``checkpointed`` its own attributes that change from round to round;
    those of its parents are added. For a user's class, which need not list any, all
    attributes are saved except those that its parents in this package list in
    ``derived``. In both cases, loading a checkpoint sets no other attributes.
    """

    checkpointed: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    def state_dict(self) -> dict[str, Any]:
        """Return the state by attribute; override this to save something else."""
        return attributes(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state that ``state_dict`` returned."""
        set_attributes(self, state)


def attributes(part: Any) -> dict[str, Any]:
    """Return the state of an object to save in a checkpoint, by attribute."""
    return {name: value for name, value in vars(part).items() if is_kept(part, name)}


def set_attributes(part: Any, state: Mapping[str, Any]) -> None:
    """Set those attributes in ``state`` that a checkpoint saves for the object."""
    for name, value in state.items():
        if is_kept(part, name):
            setattr(part, name, value)


def generators(part: Any) -> dict[str, Any]:
    """Return an object's random generators, by attribute."""
    import random

    import numpy as np
    import torch

    kinds = (
        random.Random,
        np.random.Generator,
        np.random.RandomState,
        torch.Generator,
    )
    return {name: each for name, each in vars(part).items() if isinstance(each, kinds)}


def is_kept(part: Any, name: str) -> bool:
    """Return whether an attribute is saved: it is listed, or belongs to a user's class."""
    if name in stated(part, "checkpointed"):
        return True
    foreign = not type(part).__module__.startswith(OURS)
    return foreign and name in vars(part) and name not in stated(part, "derived")


def stated(part: Any, which: str) -> set[str]:
    """Return the names that an object's classes list in ``which``."""
    return {name for cls in type(part).__mro__ for name in vars(cls).get(which, ())}


class Checkpoints:
    """The checkpoints of one node: ``<log_dir>/checkpoints/<rank>/<round>.safetensors``.

    A file contains tensors and, as metadata, JSON with everything else. It is written
    atomically. The round is the number of finished rounds.

    Parameters
    ----------
    log_dir : str
    rank : int
    every : int, default 0
        Rounds between two checkpoints; 0 disables them.
    """

    def __init__(self, log_dir: str, rank: int, every: int = 0) -> None:
        self.folder = Path(log_dir, FOLDER, str(rank))
        self.every = every

    def rounds(self) -> list[int]:
        """Return the rounds that have a checkpoint, in ascending order."""
        return sorted(int(path.stem) for path in self.folder.glob("*.safetensors"))

    def path(self, number: int) -> Path:
        """Return the file of a round."""
        return self.folder / f"{number}.safetensors"

    def write(
        self, number: int, state: Any, tensors: Mapping[str, Any], kept: int
    ) -> None:
        """Write the state after ``number`` rounds; keep the newest ``kept`` files."""
        from safetensors.torch import save

        self.folder.mkdir(parents=True, exist_ok=True)
        content = save(dict(tensors), {"state": json.dumps(state)})
        write_atomic(self.path(number), content)
        for old in self.rounds()[:-kept]:
            self.path(old).unlink(missing_ok=True)

    def read(self, number: int) -> tuple[Any, dict[str, Any]]:
        """Return the state and the tensors after ``number`` rounds.

        Raises
        ------
        ConfigError
            If the file is missing or damaged.
        """
        from safetensors import SafetensorError, safe_open

        path = self.path(number)
        try:
            with safe_open(path, "pt") as file:
                names = list(file.keys())
                tensors = {name: file.get_tensor(name) for name in names}
                return json.loads(file.metadata()["state"]), tensors
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path}: damaged: {error}") from error

    def forget_after(self, number: int) -> None:
        """Remove the checkpoints of later rounds, which will be repeated."""
        for later in self.rounds():
            if later > number:
                self.path(later).unlink(missing_ok=True)

    def is_whole(self, number: int) -> bool:
        """Return whether the checkpoint of a round can be read."""
        try:
            self.read(number)
        except ConfigError:
            return False
        return True


def newest_common(log_dir: str, ranks: Iterable[int]) -> int:
    """Return the newest round that all of ``ranks`` have a checkpoint of; 0 if none."""
    return next(common_rounds(log_dir, ranks), 0)


def common_rounds(log_dir: str, ranks: Iterable[int]) -> Iterator[int]:
    """Yield the rounds that all of ``ranks`` have a whole checkpoint of, falling."""
    nodes = [Checkpoints(log_dir, rank) for rank in ranks]
    common = set.intersection(*(set(node.rounds()) for node in nodes)) if nodes else ()
    for number in sorted(common, reverse=True):
        if all(node.is_whole(number) for node in nodes):
            yield number
