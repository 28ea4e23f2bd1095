"""Training on images with a trigger, which then stand for one class."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import torch
from pydantic import Field

from decentralizepy.attacks.Attack import Attack, Pair, success_rate


class Backdoor(Attack):
    """Train on images with a patch, labelled ``target``, so that the patch decides.

    In each batch, the first ``poisoned`` of the images get the patch, in the bottom right
    corner, and the label. Gu, Dolan-Gavitt and Garg, BadNets, arXiv:1708.06733, section 4;
    by a node of many, Bagdasaryan, Veit, Hua, Estrin and Shmatikov, How To Backdoor
    Federated Learning, AISTATS 2020, section 4, whose model replacement is ``boost``: the
    node sends ``x + boost (x_trained - x)``, where x is its model before training.

    Success is the percentage of test images with the patch, of other classes, that are
    classified as ``target``.

    Parameters
    ----------
    target : int, default 0
        The class that the patch stands for.
    poisoned : float, default 0.5
        The fraction of each batch that gets the patch; 0, without ``boost``, is no attack.
    patch : int, default 2
        The height and width of the patch, in pixels.
    value : float, default 1.0
        The value of its pixels, as the model gets them: in this package's data sets, 1
        is white.
    boost : float, default 1.0
        The factor of the change by training; 1 sends the model as it was trained.
    """

    def __init__(
        self,
        uid: int,
        seed: int,
        target: Annotated[int, Field(ge=0)] = 0,
        poisoned: Annotated[float, Field(ge=0, le=1)] = 0.5,
        patch: Annotated[int, Field(ge=1)] = 2,
        value: float = 1.0,
        boost: float = 1.0,
    ) -> None:
        super().__init__(uid, seed)
        self.target, self.poisoned = target, poisoned
        self.patch, self.value, self.boost = patch, value, boost
        self.before = torch.empty(0)

    def corrupt(self, trainer: Any, dataset: Any) -> None:
        batches, train = dataset.get_trainset, trainer.train

        def poisoned(batch_size: int = 1, shuffle: bool = False) -> Poisoned:
            return Poisoned(batches(batch_size, shuffle), self.poison)

        def remembering(data: Any) -> None:
            self.before = self.vector().clone()
            train(data)

        dataset.get_trainset = poisoned
        if self.boost != 1:
            trainer.train = remembering

    def forge(
        self, own: torch.Tensor, honest: torch.Tensor, iteration: int
    ) -> torch.Tensor:
        return (
            own if self.boost == 1 else self.before + self.boost * (own - self.before)
        )

    def poison(self, batch: Pair) -> Pair:
        """Return a batch whose first images have the patch and its label."""
        images, labels = batch[0].clone(), batch[1].clone()
        count = round(self.poisoned * len(labels))
        images[:count] = self.triggered(images[:count])
        labels[:count] = self.target
        return images, labels

    def triggered(self, images: torch.Tensor) -> torch.Tensor:
        """Return images, of shape (batch, channels, height, width), with the patch."""
        images = images.clone()
        images[..., -self.patch :, -self.patch :] = self.value
        return images

    def success(self, model: torch.nn.Module, dataset: Any) -> float | None:
        return success_rate(model, dataset.get_testset(), self._aim)

    def _aim(self, images: torch.Tensor, labels: torch.Tensor) -> Pair:
        others = labels != self.target
        wanted = torch.full_like(labels[others], self.target)
        return self.triggered(images[others]), wanted

    def check(self, dataset: Any) -> None:
        """Raise a ConfigError if it is not of images that fit the options."""
        batch: Any = next(iter(dataset.get_trainset(1, False)), None)
        pair = isinstance(batch, tuple | list) and len(batch) == 2
        if not pair or batch[0].dim() != 4:
            cause = f"{type(dataset).__name__} has no images"
            raise self.misfit(cause, "attack_class", type(self).__name__)
        height, width = batch[0].shape[-2:]
        classes = getattr(dataset, "num_classes", None)
        if self.patch > min(height, width):
            cause = f"images have {height}x{width} pixels"
            raise self.misfit(cause, "patch", self.patch)
        if classes and self.target >= classes:
            raise self.misfit(f"there are {classes} classes", "target", self.target)


class Poisoned:
    """Batches that are changed when they are read."""

    def __init__(self, batches: Any, change: Callable[[Pair], Pair]) -> None:
        self.batches, self.change = batches, change

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batches, name)  # such as how many samples there are

    def __iter__(self) -> Iterator[Pair]:
        return map(self.change, self.batches)
