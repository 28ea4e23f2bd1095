"""Breaks when a sweep has other points than were asked for, or their folders collide."""

import pytest

from decentralizepy.config.assignments import parsed
from decentralizepy.errors import ConfigError
from decentralizepy.sweeps import points


def names(*texts, given=()):
    return [point.name for point in points.grid(points.axes(texts), given)]


def test_a_grid_has_every_combination_named_by_what_varies():
    found = names("A.alpha=0.1,0.2", "A.a_class=Partial,Sub", "B.lr=0.5")
    assert found == [
        "alpha=0.1,Partial",
        "alpha=0.1,Sub",
        "alpha=0.2,Partial",
        "alpha=0.2,Sub",
    ]
    last = points.grid(points.axes(["A.x=1,2", "B.lr=0.5"]), [])[-1]
    assert [*map(str, last.settings)] == ["A.x=2", "B.lr=0.5"]


def test_a_comma_in_brackets_does_not_end_a_value():
    assert points.split("[0.1, 0.2],(1,2), x") == ["[0.1, 0.2]", "(1,2)", "x"]


def test_keys_of_the_same_name_have_their_section():
    assert names("A.alpha=1,2", "B.alpha=3,4")[0] == "A.alpha=1,B.alpha=3"


def test_names_that_cannot_tell_everything_have_a_digest():
    first, second = names("A.path=a/b,a b")
    assert first.startswith("path=a-b~")
    assert second.startswith("path=a-b~")
    assert first != second
    long, _ = names("A.x=" + "y" * 300 + ",z")
    assert len(long) < 200


def test_a_seed_ends_the_name_and_is_no_part_of_the_group():
    point, _ = points.grid(points.axes(["A.x=1,2"]), [])
    seeded = point.seeded(3, [parsed("D.random_seed=3")])
    assert (seeded.name, seeded.group, seeded.seed) == ("x=1,seed=3", "x=1", 3)
    assert [*map(str, seeded.settings)] == ["A.x=1", "D.random_seed=3"]


@pytest.mark.parametrize(
    ("text", "found"), [("1..3", [1, 2, 3]), ("7", [7]), ("1..2, 9", [1, 2, 9])]
)
def test_seeds(text, found):
    assert points.seeds(text) == found


@pytest.mark.parametrize("text", ["", "3..1", "1-3", "a", "1..2..3", "1,1", "1..3,2"])
def test_other_seeds_are_refused(text):
    with pytest.raises(ConfigError, match="--seeds"):
        points.seeds(text)


@pytest.mark.parametrize(
    ("texts", "cause"),
    [
        (["A.x=1,1"], "1 is given twice"),
        (["A.x=0.1,.10"], "0.1 is given twice"),
        (["A.x=1", "A.x=2"], "A.x: given twice"),
        (["x=1"], "expected SECTION.key=value"),
    ],
)
def test_values_that_make_no_grid_are_refused(texts, cause):
    with pytest.raises(ConfigError, match=cause):
        points.axes(texts)


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a CSV file and returns its points."""

    def table(text):
        path = tmp_path / "points.csv"
        path.write_text(text)
        return points.rows(str(path))

    return table


def test_a_line_of_a_table_is_a_point(table):
    given = table(
        "name, SHARING.sharing_class, SHARING.alpha\n"
        "full, Sharing,\n"
        'tenth, PartialModel, "0.1"\n'
    )
    assert [(p.name, [*map(str, p.settings)]) for p in given] == [
        ("full", ["SHARING.sharing_class=Sharing"]),
        ("tenth", ["SHARING.sharing_class=PartialModel", "SHARING.alpha=0.1"]),
    ]
    assert names("O.lr=1,2", given=given) == [
        "full,lr=1",
        "full,lr=2",
        "tenth,lr=1",
        "tenth,lr=2",
    ]


def test_tables_are_combined(table):
    """Breaks when two files of points are not a grid."""
    attacks = table("name,A.a_class,A.z\nnone,,\nALIE,ALIE,4\n")
    ways = table("name,S.s_class\nmean,Sharing\nmedian,Median\n")
    both = points.crossed([attacks, ways])
    assert names(given=both) == ["none,mean", "none,median", "ALIE,mean", "ALIE,median"]
    assert [*map(str, both[-1].settings)] == [
        "A.a_class=ALIE",
        "A.z=4",
        "S.s_class=Median",
    ]
    unnamed = table("A.z\n1\n2\n")
    assert names(given=points.crossed([unnamed, ways])) == [
        "z=1,Sharing",
        "z=1,Median",
        "z=2,Sharing",
        "z=2,Median",
    ]
    with pytest.raises(ConfigError, match=r"A\.z: a column of two files of --points"):
        points.crossed([attacks, unnamed])


def test_points_without_a_name_are_named_by_their_values(table):
    given = table("A.a_package,A.a_class,A.x\np.q,Partial,1\np.r,Sub,\n")
    assert names(given=given) == ["Partial,x=1", "Sub"]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "no points"),
        ("A.x\n", "no points"),
        ("x\n1\n", "column 'x'; expected SECTION.key"),
        ("A.x,A.y\n1\n", "line 2: not as many cells"),
        ("A.x\n1,2\n", "line 2: not as many cells"),
    ],
)
def test_what_is_no_table_of_points_is_refused(table, text, cause):
    with pytest.raises(ConfigError, match=f"--points .*{cause}"):
        table(text)


def test_a_table_that_is_missing_is_refused():
    with pytest.raises(ConfigError, match=r"cannot be read: .*No such file"):
        points.rows("no.csv")


def test_a_key_of_both_and_a_name_given_twice_are_refused(table):
    given = table("name,A.x\na,1\nb,2\n")
    with pytest.raises(ConfigError, match=r"A\.x: a column of --points, and given"):
        names("A.x=1,2", given=given)
    with pytest.raises(ConfigError, match="two points are called a"):
        names(given=table("name,A.x\na,1\na,2\n"))
