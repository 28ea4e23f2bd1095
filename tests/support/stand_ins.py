"""What the tests of LEAF's stand-ins have in common."""

import json
from pathlib import Path


def contents(folder):
    """Return the JSON files of a folder, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def users(folder):
    """Return ``{user: {"x": ..., "y": ...}}``, after a check that LEAF's keys hold."""
    found = {}
    for content in contents(folder):
        assert list(content) == ["users", "num_samples", "user_data"]
        assert content["users"] == list(content["user_data"])
        for name, number in zip(content["users"], content["num_samples"], strict=True):
            data = content["user_data"][name]
            assert list(data) == ["x", "y"]
            assert len(data["x"]) == len(data["y"]) == number
        assert not found.keys() & content["user_data"].keys()
        found |= content["user_data"]
    return found


def samples(folder):
    """Return the x and y of all users."""
    found = users(folder).values()
    return [x for of in found for x in of["x"]], [y for of in found for y in of["y"]]


def majority(labels, tests):
    """Return the share of ``tests`` that are the most frequent of ``labels``."""
    most = max(set(labels), key=labels.count)
    return tests.count(most) / len(tests)


def files(folder: Path):
    """Return the content of every file below a folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}
