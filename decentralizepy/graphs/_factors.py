"""Factors of the number of nodes, which say in groups of what sizes they can average."""


def factors(number: int, most: int) -> tuple[int, ...] | None:
    """Return the fewest factors of ``number`` from 2 to ``most``; None if impossible."""
    if number == 1:
        return ()
    found = [
        (size, *rest)
        for size in range(min(most, number), 1, -1)
        if number % size == 0 and (rest := factors(number // size, size)) is not None
    ]
    return min(found, key=len, default=None)


def rough_part(number: int, most: int) -> int:
    """Return ``number`` without its prime factors up to ``most``."""
    for size in range(2, most + 1):
        while number % size == 0:
            number //= size
    return number
