"""Evaluates numbers and lists of numbers in INI files, such as ``[1/16]*16``."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

LONGEST = 100_000  # characters of a text, and entries of a list
_CHARACTERS = re.compile(r"[0-9eE_.,+*/()\[\]\s-]+")

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
    }
)


def evaluate(text: str) -> Any:
    """Return the number, list or tuple that ``text`` denotes.

    Lists may be nested, concatenated, and multiplied by integers; numbers may be combined
    with ``+ - * /``. Names and calls are not allowed.

    Raises
    ------
    ValueError
        If it is anything else, or longer than ``LONGEST``.
    """
    if len(text) > LONGEST or not _CHARACTERS.fullmatch(text):
        raise ValueError("not numbers, nor a list of numbers")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, TypeError, ArithmeticError, RecursionError, MemoryError):
        raise ValueError("not numbers, nor a list of numbers") from None


def integers(value: Any) -> list[int]:
    """Return the numbers of an option that takes one or a list of them, or their text."""
    read = evaluate(value) if isinstance(value, str) else value
    return [read] if isinstance(read, int) else [*read]


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=(int() | float()) as number):
            return number
        case ast.List(elts=entries):
            return [_value(each) for each in entries]
        case ast.Tuple(elts=entries):
            return tuple(_value(each) for each in entries)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATORS:
            return _joined(_OPERATORS[type(op)], _value(left), _value(right))
    raise TypeError


def _joined(operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    repeats = [each for each in (left, right) if isinstance(each, int)]
    repeated = operation is operator.mul and len(repeats) == 1
    if repeated and repeats[0] * (_entries(left) + _entries(right)) > LONGEST:
        raise TypeError
    result = operation(left, right)
    if _entries(result) > LONGEST:
        raise TypeError
    return result


def _entries(value: Any) -> int:
    """Return the number of entries of a list at all depths, nested lists included."""
    if isinstance(value, list | tuple):
        return sum(1 + _entries(each) for each in value)
    return 0
