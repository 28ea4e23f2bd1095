"""The fixture that all real runs start from."""

from tests.test_launcher import experiment

__all__ = ["experiment"]
