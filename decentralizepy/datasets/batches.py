"""Batches of in-memory data, each read by one indexing operation."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch

from decentralizepy.checkpoints import generators
from decentralizepy.errors import ConfigError


class Indexable(Protocol):
    """Samples; indexing with a slice or an array returns a batch."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any, /) -> Any: ...


class Batches:
    """The batches of one pass over a data set, each time it is iterated.

    Parameters
    ----------
    dataset : Indexable
    batch_size : int
    generator : torch.Generator, optional
        Draws a new order for every pass; without it, the order is that of ``dataset``.
    drop_last : bool, default False
        Drop an incomplete last batch, unless it is the only one.

    Raises
    ------
    ConfigError
        If ``batch_size`` is below 1.
    """

    def __init__(
        self,
        dataset: Indexable,
        batch_size: int,
        generator: torch.Generator | None = None,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1:
            raise ConfigError(f"batch_size = {batch_size}: expected at least 1")
        self.dataset, self.batch_size = dataset, batch_size
        self._generator = generator
        count = len(dataset)
        if drop_last and count > batch_size:
            count -= count % batch_size
        self._starts = range(0, count, batch_size)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Any]:
        if self._generator is None:
            for start in self._starts:
                yield self.dataset[start : start + self.batch_size]
            return
        order = torch.randperm(len(self.dataset), generator=self._generator).numpy()
        for start in self._starts:
            yield self.dataset[order[start : start + self.batch_size]]


class Order:
    """The order of shuffled passes, which a checkpoint keeps: a data set's generators."""

    def state_dict(self) -> dict[str, Any]:
        """Return the generators by attribute; the data are read again."""
        return generators(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the generators that ``state_dict`` returned."""
        for name in generators(self).keys() & state.keys():
            setattr(self, name, state[name])
