"""Classes for INI files to name, each with a trait that the checks must recognize."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field

if TYPE_CHECKING:
    from nowhere import Nothing

THRESHOLD = 3


class Points:
    def __init__(
        self,
        rank: int,
        machine_id: int,
        mapping: Any,
        random_seed: int = 1234,
        only_local: bool = False,
        train_dir: str = "",
        sizes: str | list[float] = "",
        test_batch_size: int | Literal[""] = "",
        source: Literal["", "Train", "Test"] = "",
        partition: str | bool = "simple",
    ) -> None:
        self.options = (random_seed, only_local, train_dir)


class Net:
    pass


class Trainer:
    def __init__(
        self,
        rank,
        machine_id,
        mapping,
        model,
        optimizer,
        loss,
        log_dir,
        rounds: int | str = "",
        full_epochs: bool | str = "",
    ):
        self.loss, self.rounds, self.full_epochs = loss, rounds, full_epochs


class Wire:
    def __init__(
        self, rank, machine_id, mapping, total_procs, addresses: str, offset: int = 9000
    ):
        self.addresses, self.offset = addresses, offset


class Sharing:
    def __init__(
        self,
        rank,
        machine_id,
        communication,
        mapping,
        graph,
        model,
        dataset,
        log_dir,
        compress: bool = False,
        compression_package: str | None = None,
        compression_class: str | None = None,
        float_precision: int | None = None,
    ):
        self.compress, self.float_precision = compress, float_precision


class Partial(Sharing):
    """Hands on what it does not know."""

    def __init__(
        self,
        *args: Any,
        alpha: Annotated[float, Field(ge=0, le=1)] = 1.0,
        step_size: float,
        transformer: type | None = None,
        device: torch.device | None = None,
        folder: Path | None = None,
        foreign: "Nothing" = 0,
        hint=None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.alpha = alpha


class Popping(Sharing):
    """Takes an option of its own out of those that it hands on."""

    def __init__(self, *args, **kwargs):
        self.theta = kwargs.pop("theta", 1)
        super().__init__(*args, **kwargs)


class Fixed(Partial):
    """Passes an option that its parent requires."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, step_size=0.5, **kwargs)


class Keeping(Sharing):
    """Keeps all options for itself."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args)
        self.kept = kwargs


class Lossless(Sharing):
    """Compresses by itself."""

    def __init__(
        self,
        rank,
        machine_id,
        communication,
        mapping,
        graph,
        model,
        dataset,
        log_dir,
        compress: bool = True,
        compression_package: str = "tests.support.parts",
        compression_class: str = "Net",
    ):
        pass


class Circle:
    def __init__(self, n_procs: int, degree: int = 2) -> None:
        self.n_procs, self.degree = n_procs, degree


class Places:
    def __init__(
        self,
        n_machines,
        procs_per_machine,
        global_service_machine=0,
        current_machine=0,
    ):
        pass


def loss(output, target):
    return 0.0
