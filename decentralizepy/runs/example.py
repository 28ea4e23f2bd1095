"""A node that stands for many, where its class states their rounds at once."""

from collections.abc import Callable
from typing import Any

from decentralizepy.runs.spec import NodeSpec

NO_NETWORK = {
    "comm_package": "decentralizepy.communication.InProcess",
    "comm_class": "InProcess",
    "exchange": {},
}


def example_of(spec: NodeSpec) -> tuple[Any, str]:
    """Return a node that stands for all like ``spec``, or why there is none.

    Returns
    -------
    example : decentralizepy.node.many_example.Example or None
    obstacle : str
        Why their rounds cannot be run at once; "" if they can.
    """
    make: Callable[..., Any] | None = getattr(spec.node_class, "example", None)
    if make is None:
        name = getattr(spec.node_class, "__name__", str(spec.node_class))
        return None, f"{name} does not state its round for many nodes"
    example = make(*spec.over(NO_NETWORK).args)
    return example, str(example.obstacle)
