"""What scripts written for DecentralizePy read and call of a node."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

from decentralizepy.node import process


def alias(name: str) -> Any:
    """Return a second name of the attribute ``name``, for a class's body."""
    return property(
        lambda node: getattr(node, name),
        lambda node, value: setattr(node, name, value),
        doc=f"A second name of ``{name}``.",
    )


class ScriptNames:
    """Attributes and methods that nothing of this package needs."""

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
        """Threads of each node of the machine."""
        return process.threads(self.mapping.get_local_procs_count())

    def save_plot(
        self,
        l: Mapping[int, float],  # noqa: E741 (scripts may name it)
        label: str,
        title: str,
        xlabel: str,
        filename: str,
    ) -> None:
        """Draw values by round, ``l``, as a line in the image file ``filename``."""
        from matplotlib.figure import Figure

        figure = Figure()
        axes = figure.add_subplot(title=title, xlabel=xlabel)
        axes.plot([int(number) for number in l], list(l.values()), label=label)
        axes.legend()
        figure.savefig(filename)
