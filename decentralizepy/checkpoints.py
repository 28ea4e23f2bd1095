"""The files of checkpoints: which there are, and which one all nodes have."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from decentralizepy.errors import ConfigError
from decentralizepy.files import write_atomic

FOLDER = "checkpoints"


class Checkpoints:
    """The checkpoints of one node: ``<log_dir>/checkpoints/<rank>/<round>.safetensors``.

    A file holds tensors, and as its metadata a JSON text with everything else; it is
    written whole or not at all. The round is the number of rounds that are done.

    Parameters
    ----------
    log_dir : str
    rank : int
    every : int, default 0
        Rounds between two checkpoints; 0: none are written.
    """

    def __init__(self, log_dir: str, rank: int, every: int = 0) -> None:
        self.folder = Path(log_dir, FOLDER, str(rank))
        self.every = every

    def rounds(self) -> list[int]:
        """Return the rounds of which there is a checkpoint, rising."""
        return sorted(int(path.stem) for path in self.folder.glob("*.safetensors"))

    def path(self, number: int) -> Path:
        """Return the file of a round."""
        return self.folder / f"{number}.safetensors"

    def write(
        self, number: int, state: Any, tensors: Mapping[str, Any], kept: int
    ) -> None:
        """Write what there is after ``number`` rounds; keep the newest ``kept`` files."""
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
            If the file is not there or damaged.
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
        """Remove the checkpoints of later rounds, which are to be gone through again."""
        for later in self.rounds():
            if later > number:
                self.path(later).unlink(missing_ok=True)

    def is_whole(self, number: int) -> bool:
        """Tell whether the checkpoint of a round can be read."""
        try:
            self.read(number)
        except ConfigError:
            return False
        return True


def newest_common(log_dir: str, ranks: Iterable[int]) -> int:
    """Return the newest round that all of ``ranks`` have a checkpoint of; 0 if none."""
    nodes = [Checkpoints(log_dir, rank) for rank in ranks]
    common = set.intersection(*(set(node.rounds()) for node in nodes)) if nodes else ()
    for number in sorted(common, reverse=True):
        if all(node.is_whole(number) for node in nodes):
            return number
    return 0
