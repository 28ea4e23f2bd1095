"""Safe reading of untrusted pickles, with an allowlist of classes and functions."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from decentralizepy.errors import DataError

Allowed = Mapping[tuple[str, str], Any]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: IO[bytes], allowed: Allowed, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"{module}.{name} is not expected in it")
        return self._allowed[module, name]


def load(path: Path, allowed: Allowed, encoding: str = "utf-8") -> Any:
    """Return the content of a pickle; numbers, text, lists and dicts are always allowed.

    Parameters
    ----------
    path : Path
    allowed : mapping of (module, name) to object
        What to use for each class or function that the pickle may name.
    encoding : str, default "utf-8"
        The encoding of strings from Python 2; ``"bytes"`` keeps them as bytes.

    Raises
    ------
    DataError
        If the file cannot be read, is damaged, or names something else.
    """
    try:
        with path.open("rb") as file:
            return _Unpickler(file, allowed, encoding).load()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # a damaged pickle can raise anything
        raise DataError(f"{path}: damaged: {error}") from error
