"""Records: what dataclasses are, whichever constructor a class has by now."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from bylaw.policy.records import Record, asdict, fields, replace

OFTEN = 200


class Point(Record):
    x: int
    y: int = 0


class Place(Point):
    name: str = ""


class Positive(Record):
    number: int

    def __post_init__(self) -> None:
        if self.number <= 0:
            raise ValueError("too small")


class Nothing(Record):
    """Without fields."""


@pytest.fixture(params=[0, OFTEN], ids=["few", "many"])
def made_before(request: pytest.FixtureRequest) -> None:
    """Classes of which this many records were made; the constructor of the many is another one."""
    for number in range(request.param):
        Point(x=number)
        Positive(number=number + 1)


@pytest.mark.usefixtures("made_before")
class TestWhateverWasMadeBefore:
    """The same holds for the first record of a class as for the thousandth."""

    def test_fields_are_given_by_name_or_have_defaults(self) -> None:
        assert asdict(Point(x=1)) == {"x": 1, "y": 0}
        assert asdict(Point(y=2, x=1)) == {"x": 1, "y": 2}

    @pytest.mark.parametrize("values", [{}, {"y": 1}, {"x": 1, "z": 2}, {"x": 1, "y": 2, "z": 3}])
    def test_a_field_that_is_missing_or_unknown_is_an_error(self, values: dict[str, Any]) -> None:
        with pytest.raises(TypeError):
            Point(**values)

    def test_a_class_checks_itself(self) -> None:
        with pytest.raises(ValueError, match="too small"):
            Positive(number=0)

    def test_a_class_has_the_fields_of_its_base(self) -> None:
        class Later(Point):
            z: int = 3

        assert asdict(Later(x=1)) == {"x": 1, "y": 0, "z": 3}
        assert tuple(fields(Place)) == ("x", "y", "name")

    def test_a_copy_has_changes_and_is_checked(self) -> None:
        assert replace(Point(x=1), y=5) == Point(x=1, y=5)
        with pytest.raises(ValueError, match="too small"):
            replace(Positive(number=1), number=-1)

    def test_a_record_goes_through_pickle_and_copy(self) -> None:
        one = Point(x=1, y=2)
        assert pickle.loads(pickle.dumps(one)) == one
        assert copy.deepcopy(one) == one


def test_a_copy_with_an_unknown_field_is_an_error() -> None:
    with pytest.raises(TypeError, match="z"):
        replace(Point(x=1), z=1)


def test_equal_means_the_same_class_and_the_same_fields() -> None:
    one = Point(x=1)
    assert one == one  # noqa: PLR0124  # the same object is the short way
    assert one == Point(x=1)
    assert one != Point(x=2)
    assert one != Place(x=1)
    assert one != 1
    assert hash(one) == hash(Point(x=1))
    assert len({Point(x=1), Point(x=1), Point(x=2), Nothing(), Nothing()}) == 3
    assert Nothing() == Nothing()


def test_a_record_does_not_change() -> None:
    one = Point(x=1)
    with pytest.raises(AttributeError, match="does not change"):
        one.x = 2  # type: ignore[misc]  # what is tested
    with pytest.raises(AttributeError, match="does not change"):
        delattr(one, "x")


def test_a_record_shows_its_fields() -> None:
    assert repr(Place(x=1, name="a")) == "Place(x=1, y=0, name='a')"


def test_a_class_of_which_few_were_made_names_the_field() -> None:
    class Fresh(Record):
        x: int
        y: int = 0

    given: list[tuple[dict[str, Any], str]] = [({"y": 1}, "needs x"), ({"x": 1, "y": 2, "z": 3}, "has no field z")]
    for values, message in given:
        with pytest.raises(TypeError, match=message):
            Fresh(**values)
