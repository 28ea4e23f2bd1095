"""Pretrained Hugging Face transformers for text classification."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import torch

from decentralizepy.errors import ConfigError, DataError
from decentralizepy.models.Model import Model

BERT_NAME = "bert-base-uncased"
MOBILE_BERT_NAME = "google/mobilebert-uncased"
STARS = 5
HEAD = "AutoModelForSequenceClassification"
INSTALL = "pip install decentralizepy[llm]"
PATIENCE_S = 10  # for the first request to a hub that may be unreachable

_LOADING = threading.Lock()  # verbosity is set for all threads of a process


class Transformer(Model):
    """A pretrained transformer for text classification.

    Called with ``input_ids``, ``attention_mask`` and ``labels``, it returns its loss, the
    mean over a batch, and logits of shape (batch, ``classes``). Classification is
    multi-label, so the loss is binary cross-entropy. If the source has no head for this
    number of classes, its weights are drawn from torch's generator. Missing attributes,
    such as ``config``, are looked up in the wrapped model.

    Parameters
    ----------
    source : str
        A folder that ``save_pretrained`` wrote, or a name on the Hugging Face hub.
    classes : int, default 5

    Raises
    ------
    ConfigError
        If ``transformers`` is not installed.
    DataError
        If the model cannot be loaded.
    """

    def __init__(self, source: str, classes: int = STARS) -> None:
        super().__init__()
        self.model = pretrained(
            HEAD,
            source,
            num_labels=classes,
            problem_type="multi_label_classification",
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the output of the wrapped model: with labels, ``(loss, logits, ...)``."""
        return self.model(*args, **kwargs)


class BERT(Transformer):
    """BERT base, uncased (Devlin et al., arXiv:1810.04805): 109.5 M parameters."""

    def __init__(self) -> None:
        super().__init__(BERT_NAME)


class MobileBERT(Transformer):
    """MobileBERT, uncased (Sun et al., arXiv:2004.02984): 24.6 M parameters."""

    def __init__(self) -> None:
        super().__init__(MOBILE_BERT_NAME)


def pretrained(kind: str, source: str, **options: Any) -> Any:
    """Return ``transformers.<kind>.from_pretrained(source, **options)`` without output.

    A name is looked up in the cache first. Only then is the hub used, after one request
    with a timeout has shown that it is reachable.

    Raises
    ------
    ConfigError
        If ``transformers`` is not installed.
    DataError
        If ``source`` cannot be loaded; the one line says why.
    """
    load = getattr(library(), kind).from_pretrained
    with _LOADING, _quiet():
        try:
            return load(source, local_files_only=True, **options)
        except Exception as error:  # each file format has its own exceptions
            if os.path.isdir(source):
                raise DataError(f"{source}: {_line(error)}") from error
        _reach_hub(source)
        try:
            return load(source, **options)
        except Exception as error:
            raise DataError(f"{source}: {_line(error)}") from error


def configuration(source: str) -> Any:
    """Return the configuration of a model, after importing the model's code.

    Raises
    ------
    DataError
        As for :func:`pretrained`, or if the model does not support classification.
    """
    config = pretrained("AutoConfig", source)
    try:
        with torch.device("meta"):  # allocates no memory and draws no random numbers
            getattr(library(), HEAD).from_config(config)
    except Exception as error:
        raise DataError(f"{source}: {_line(error)}") from error
    return config


def library() -> Any:
    """Import ``transformers`` without a torchvision that was built for another torch."""
    first = "transformers" not in sys.modules
    hide = first and not _has_torchvision()
    if hide:
        sys.modules["torchvision"] = None  # type: ignore[assignment]
    try:
        import transformers

        transformers.utils.is_torchvision_available()  # caches the answer
    except ImportError as error:
        raise ConfigError(f"transformers is not installed: {INSTALL}") from error
    finally:
        if hide:
            del sys.modules["torchvision"]
    return transformers


def _has_torchvision() -> bool:
    try:
        import torchvision  # noqa: F401
    except Exception:
        return False
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Disable output and progress bars, whose threads must not run."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _reach_hub(source: str) -> None:
    """Raise a DataError if the hub is unreachable: its library would try for a minute."""
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=PATIENCE_S)
    except Exception as error:  # from whichever library makes the connection
        raise DataError(
            f"{source}: not in the Hugging Face cache, and the hub cannot be reached; "
            "without it, name a folder: [DATASET] tokenizer = FOLDER and model_class = "
            "Transformer"
        ) from error


def _line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"cannot be loaded: {text[:200] or type(error).__name__}"
