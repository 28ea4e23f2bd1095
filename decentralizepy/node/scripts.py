"""Attributes and methods of a node that scripts written for DecentralizePy use."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from decentralizepy.node import process


def alias(name: str) -> Any:
    """Return a property that is another name for the attribute ``name``."""
    return property(
        lambda node: getattr(node, name),
        lambda node, value: setattr(node, name, value),
        doc=f"Another name for ``{name}``.",
    )


class ScriptNames:
    """Attributes and methods that this package itself does not use."""

    replaced: ClassVar[Mapping[str, str]] = {"save_plot": "record"}
    callers: ClassVar[tuple[str, ...]] = ("run", "record")
    dataset: Any
    mapping: Any

    @cached_property
    def testset(self) -> Any:
        """The batches of the test set."""
        return self.dataset.get_testset()

    @cached_property
    def threads_per_proc(self) -> int:
        """The number of threads per node."""
        return process.threads(self.mapping.get_local_procs_count())

    def save_plot(
        self,
        l: Mapping[int, float],  # noqa: E741 (scripts may name it)
        label: str,
        title: str,
        xlabel: str,
        filename: str,
    ) -> None:
        """Plot ``l``, values by round, as a line to the image file ``filename``."""
        from matplotlib.figure import Figure

        figure = Figure()
        axes = figure.add_subplot(title=title, xlabel=xlabel)
        axes.plot([int(number) for number in l], list(l.values()), label=label)
        axes.legend()
        figure.savefig(filename)
