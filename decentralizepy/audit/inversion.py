"""Gradient inversion: images out of the change between two models of a sender."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from decentralizepy.audit.quality import match, psnr, ssim
from decentralizepy.audit.scene import Scene
from decentralizepy.errors import DataError
from decentralizepy.randomness import Purpose, derive_seed, stream
from decentralizepy.results.observed import Floats

MOST = 4  # images in a round
STEPS, RATE, VARIATION = 600, 0.1, 1e-3

Tensor = torch.Tensor


class Inverted(NamedTuple):
    """Images that were reconstructed from one received model.

    Attributes
    ----------
    images : torch.Tensor, shape (b, channels, height, width)
    truth : torch.Tensor
        The nearest images among those that the sender is trained on.
    psnr, ssim : float
        Means over the images.
    chance : tuple of float
        The same of images of the test set, with the images of the sender nearest to them.
    """

    sender: int
    round: int
    images: Tensor
    truth: Tensor
    psnr: float
    ssim: float
    chance: tuple[float, float]


def invert(scene: Scene, observer: int, sender: int, number: int) -> Inverted:
    """Reconstruct the images that a sender was trained on in a round, from 1.

    Raises
    ------
    DataError
        If these are no images, or more than four.
    """
    size = batch(scene)
    observation = scene.observation(observer, number)
    before = start(scene, observer, sender, number)
    rate = float(scene.sections["OPTIMIZER_PARAMS"].get("lr", 1.0))
    change = (before - observation.vectors[sender]) / rate
    sent = observation.sent.get(sender, np.ones(len(change), bool))
    gradient, seen = _by_parameter(scene, change), _by_parameter(scene, sent)
    scene.flat.load(scene.flat.unflatten(torch.from_numpy(before.copy())))
    images = None
    if size == 1 and sent.all():
        images = first_layer(scene.model, gradient, scene.tests.x[0])
    if images is None:
        labels = guessed_labels(scene, gradient[-1], size)
        seed = derive_seed(Purpose.AUDIT, scene.seed, sender, number)
        images = by_cosine(scene, gradient, seen, labels, seed)
    return _judged(scene, sender, number, images)


def _by_parameter(scene: Scene, vector: Any) -> list[Tensor]:
    cut = scene.flat.unflatten(torch.from_numpy(vector))
    return [cut[name] for name, _ in scene.model.named_parameters()]


def _judged(scene: Scene, sender: int, number: int, images: Tensor) -> Inverted:
    own, tests = scene.data[sender], scene.tests.x
    low, high = float(tests.min()), float(tests.max())
    images = images.clamp(low, high)
    truth = match(images, own.x)
    draws = stream(Purpose.AUDIT, scene.seed, sender, round=number)
    others = tests[draws.choice(len(tests), min(200, len(tests)), replace=False)]
    nearest = torch.cat([match(other[None], own.x) for other in others])
    return Inverted(
        sender,
        number,
        images,
        truth,
        psnr(images, truth, high - low),
        ssim(images, truth, high - low),
        (psnr(others, nearest, high - low), ssim(others, nearest, high - low)),
    )


def batch(scene: Scene) -> int:
    """Return how many images a node is trained on in a round; see :func:`invert`."""
    section = scene.sections["TRAIN_PARAMS"]
    size = int(section.get("batch_size") or 1) * int(section.get("rounds") or 1)
    if section.get("full_epochs") or size > MOST:
        told = "whole epochs" if section.get("full_epochs") else f"{size} images"
        raise DataError(
            f"a round has {told}; expected at most {MOST} to invert, as with "
            "[TRAIN_PARAMS] rounds = 1, batch_size = 1"
        )
    if scene.tests.x.ndim != 4:
        raise DataError("the samples are no images, which alone are inverted")
    return size


def start(scene: Scene, observer: int, sender: int, number: int) -> Floats:
    """Return the model from which a sender was trained in a round, as the observer knows it.

    In round 1 it is the common initial model. A parameter server knows what it has sent.
    A neighbor knows the average that the sender has made with Metropolis-Hastings weights,
    if it received all models in it; else only what the sender sent in the round before,
    which it has averaged since.

    Raises
    ------
    DataError
        If the sender's model of the round before was not recorded.
    """
    if number == 1:
        return scene.initial
    if observer < 0:
        return scene.observation(observer, number).own
    if number - 1 not in scene.rounds[observer]:
        raise DataError(
            f"observer {observer} has recorded round {number}, but not round {number - 1}"
        )
    last = scene.observation(observer, number - 1)
    known = {**last.vectors, observer: last.own}
    if sender not in known:
        raise DataError(f"node {sender} sent no model in round {number - 1}")
    graph = scene.graph.at(number - 2)
    peers, sent = graph.neighbors(sender), known[sender]
    if not peers <= known.keys():
        return sent
    mean = sent.astype(np.float64)
    for uid in sorted(peers):
        weight = graph.weight(sender, uid)
        if weight is None:
            weight = 1 / (1 + max(len(peers), len(graph.neighbors(uid))))
        mean += weight * (known[uid] - sent)
    return mean.astype(np.float32)


def first_layer(
    model: torch.nn.Module, gradient: Sequence[Tensor], like: Tensor
) -> Tensor | None:
    """Return the only image, shape (1, ...), of the gradient of a linear first layer.

    With one image x, the gradient of row k of the weights is that of bias k times x. None
    if the model begins otherwise. Phong, Aono, Hayashi, Wang and Moriai, Privacy-Preserving
    Deep Learning via Additively Homomorphic Encryption, IEEE TIFS 2018, section 3.
    """
    layer = next((each for each in model.modules() if [*each.parameters(False)]), None)
    if not isinstance(layer, torch.nn.Linear) or layer.bias is None:
        return None
    if layer.in_features != like.numel():
        return None
    names = {id(each): number for number, each in enumerate(model.parameters())}
    weight, bias = gradient[names[id(layer.weight)]], gradient[names[id(layer.bias)]]
    row = bias.abs().argmax()
    return (weight[row] / bias[row]).reshape(1, *like.shape)


def guessed_labels(scene: Scene, gradient: Tensor, size: int) -> Tensor:
    """Return the labels of a batch, of shape (size,), by the gradient of the last bias.

    It is the mean of ``p - y`` over the batch, where p are the predicted probabilities, here
    those for the test set, and y the labels, one-hot. Each label is taken in turn whose
    remaining share is largest. With one image, this is iDLG: Zhao, Mopuri and Bilen,
    arXiv:2001.02610.

    Raises
    ------
    DataError
        If the last parameter is no bias of the outputs.
    """
    scene.model.eval()
    with torch.no_grad():
        predicted = scene.model(scene.tests.x[:1000]).softmax(1).mean(0)
    if gradient.shape != predicted.shape:
        raise DataError("the last layer has no bias, by which labels are guessed")
    share = size * (predicted - gradient)
    labels = []
    for _ in range(size):
        label = int(share.argmax())
        share[label] -= 1
        labels.append(label)
    return torch.tensor(labels)


def by_cosine(
    scene: Scene,
    gradient: Sequence[Tensor],
    seen: Sequence[Tensor],
    labels: Tensor,
    seed: int,
) -> Tensor:
    """Return images whose gradient has the direction of ``gradient``, in the entries ``seen``.

    Minimizes one minus the cosine of the two, and a total variation, by Adam on the signs
    of the derivatives. Geiping, Bauermeister, Dröge and Moeller, Inverting Gradients, NeurIPS
    2020, equation 4.
    """
    tests, model = scene.tests.x, scene.model
    low, high = float(tests.min()), float(tests.max())
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(len(labels), *tests.shape[1:], generator=generator)
    images = (low + (high - low) * images).requires_grad_()
    known = torch.cat([each.reshape(-1) for each in seen])
    wanted = torch.cat([each.reshape(-1) for each in gradient])[known]
    optimizer = torch.optim.Adam([images], RATE * (high - low) / 2)
    rates = torch.optim.lr_scheduler.MultiStepLR(
        optimizer, [STEPS // 2, STEPS * 3 // 4]
    )
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = scene.loss(model(images), labels)
        found = torch.autograd.grad(loss, [*model.parameters()], create_graph=True)
        vector = torch.cat([each.reshape(-1) for each in found])[known]
        cosine = torch.nn.functional.cosine_similarity(vector, wanted, dim=0)
        cost = 1 - cosine + VARIATION * variation(images)
        (images.grad,) = torch.autograd.grad(cost, [images])
        images.grad.sign_()
        optimizer.step()
        rates.step()
        with torch.no_grad():
            images.clamp_(low, high)
    return images.detach()


def variation(images: Tensor) -> Any:
    """Return the mean absolute difference between neighboring pixels."""
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean()
    return down + (images[..., 1:] - images[..., :-1]).abs().mean()
