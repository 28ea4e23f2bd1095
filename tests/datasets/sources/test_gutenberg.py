"""The converter of the plays: who says what, samples, and parts without overlap."""

import json

import pytest

from decentralizepy.datasets.Shakespeare import Shakespeare
from decentralizepy.datasets.sources import gutenberg
from decentralizepy.errors import DataError
from decentralizepy.mappings.Linear import Linear

PLAY = """\
KING NOBODY

by William Shakespeare

KING NOBODY, of no land.
FOOL.

SCENE: Nowhere.

ACT I.

SCENE I. A heath. Thunder
and lightning.

[Enter the KING and
the FOOL [barefoot], in rags.]

KING.
Blow, winds,  and crack
your cheeks! [Aside.] Rage! O,

Act freely.
Singing stones!

FIRST LORD. {Kneels.]
My _liege_.

FOOL
Nay.

[Enter a Messenger

ALL.
God save him!

SCENE II. Another part of the heath.

Not a line of anybody.

KING.
Amen.

THE END

KING.
Licence.
"""
SHORT = """\
ACT I.

Scene I.

Ham.
To be.

1 Clown.
A pickaxe.

Ham.
Or not
to be.
"""


def test_each_role_has_its_lines_without_stage_directions():
    assert gutenberg.speeches(PLAY) == {
        "KING": "Blow, winds, and crack your cheeks! Rage! O, Act freely. Singing stones! Amen.",
        "FIRST_LORD": "My liege.",
        "FOOL": "Nay.",
        "ALL": "God save him!",
    }


def test_some_plays_name_roles_in_small_letters():
    said = gutenberg.speeches(SHORT)
    assert said == {"HAM": "To be. Or not to be.", "1_CLOWN": "A pickaxe."}


def test_a_poem_has_no_roles():
    assert gutenberg.speeches("SONNETS\n\nI\n\nFrom fairest creatures\n") == {}


def letters(count):
    """Return a text in which every window of 80 characters is another."""
    words = (f"{number:04}" for number in range(count // 4 + 1))
    return "".join(words).translate(str.maketrans("0123456789", "abcdefghij"))[:count]


def play(folder, name, **roles):
    folder.mkdir(exist_ok=True)
    lines = "\n\n".join(f"{role}.\n{text}" for role, text in roles.items())
    (folder / f"{name}_gut.txt").write_text(f"ACT I.\n\n{lines}\n")


def samples(folder, part, name):
    data = json.loads((folder / part / f"{name}.json").read_text())
    assert data["users"] == list(data["user_data"])
    sizes = [len(each["y"]) for each in data["user_data"].values()]
    assert data["num_samples"] == sizes
    return data["user_data"]


def test_samples_are_windows_and_what_follows(tmp_path):
    text = letters(1000)
    play(tmp_path / "texts", "lear", FOOL=text, KENT=text[:400])
    gutenberg.write(tmp_path / "texts", tmp_path / "out", 100, 50)
    train = samples(tmp_path / "out", "train", "LEAR")
    assert list(train) == ["LEAR_FOOL"], "80 characters in the test part make no sample"
    starts = range(0, 720, 100)
    assert train["LEAR_FOOL"] == {
        "x": [text[start : start + 80] for start in starts],
        "y": [text[start + 80] for start in starts],
    }
    test = samples(tmp_path / "out", "test", "LEAR")
    assert test["LEAR_FOOL"]["x"] == [
        text[start : start + 80] for start in (800, 850, 900)
    ]


def test_no_character_is_in_both_parts(tmp_path):
    text = letters(700)
    play(tmp_path / "texts", "lear", FOOL=text)
    gutenberg.write(tmp_path / "texts", tmp_path / "out", 1, 1, 0.7)
    ends = []
    for part in ("train", "test"):
        data = samples(tmp_path / "out", part, "LEAR")["LEAR_FOOL"]
        whole = [x + y for x, y in zip(data["x"], data["y"], strict=True)]
        ends += [text.index(whole[0]), text.index(whole[-1]) + 81]
    assert ends == [0, 490, 490, 700], "all of the text is used, and none twice"


def test_the_data_set_reads_what_was_written(tmp_path):
    for name in ("lear", "hamlet"):
        play(tmp_path / "texts", name, FOOL=letters(900), KENT=letters(500))
    (tmp_path / "texts" / "sonnets_gut.txt").write_text("From fairest creatures\n")
    (tmp_path / "texts" / "lear_gut_f.txt").write_text("the first folio\n")
    gutenberg.write(tmp_path / "texts", tmp_path)
    dataset = Shakespeare(
        0,
        0,
        Linear(1, 1),
        train_dir=str(tmp_path / "train"),
        test_dir=str(tmp_path / "test"),
    )
    assert sorted(dataset.get_client_ids()) == [
        "HAMLET_FOOL",
        "HAMLET_KENT",
        "LEAR_FOOL",
        "LEAR_KENT",
    ]
    assert len(dataset.trainset) == 2 * (32 + 16)


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_plays_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=rf"{name}: contains no plays"):
        gutenberg.write(tmp_path / name, tmp_path / "out")
