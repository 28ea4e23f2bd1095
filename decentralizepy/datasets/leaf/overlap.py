"""Detection of users who are tested on their own training samples."""

from decentralizepy.datasets.leaf.cache import Array, Records, User

FEWEST = 3  # test samples; fewer may recur by chance


def copied_users(train: Records, test: Records) -> list[str]:
    """Return the users whose test samples are all among their own training samples.

    Users with fewer than 3 test samples are not counted: short texts recur.
    """
    known = {user.name: user for user in train.users}
    return [
        user.name
        for user in test.users
        if user.stop - user.start >= FEWEST
        and user.name in known
        and _samples(test, user) <= _samples(train, known[user.name])
    ]


def _samples(records: Records, user: User) -> set[tuple[bytes, bytes]]:
    def parts(array: Array) -> list[bytes]:
        return [each.tobytes() for each in array[user.start : user.stop]]

    return set(zip(parts(records.x), parts(records.y), strict=True))
