from dataclasses import fields, replace
from datetime import timedelta

import pytest

from ml.leg import Leg, Place, Weather


def changed(leg: Leg, field: str) -> Leg:
    """The leg with another value in one field."""
    old = getattr(leg, field)
    new: object
    if isinstance(old, Place):
        new = Place()
    elif isinstance(old, tuple):
        new = (Weather(), *old[1:])
    elif isinstance(old, str):
        new = "ZZ"
    else:
        new = old + (timedelta(minutes=1) if field.startswith("scheduled") else 1)
    return replace(leg, **{field: new})  # type: ignore[arg-type]  # any field


@pytest.mark.parametrize("field", [field.name for field in fields(Leg)])
def test_legs_that_differ_in_one_field_are_not_equal(leg: Leg, field: str) -> None:
    assert changed(leg, field) != leg


@pytest.mark.parametrize("field", sorted({field.name for field in fields(Leg)} - {"origin", "destination"}))
def test_what_can_be_asked_of_a_flight_tells_hashes_apart(leg: Leg, field: str) -> None:
    """A thousand questions about one flight must not fall into one slot of a dictionary."""
    assert hash(changed(leg, field)) != hash(leg)


def test_equal_legs_have_equal_hashes(leg: Leg) -> None:
    copy = replace(leg, weather=tuple(replace(hour) for hour in leg.weather))

    assert copy == leg
    assert hash(copy) == hash(leg)


def test_legs_that_differ_in_an_earlier_hour_alone_are_two_keys(leg: Leg) -> None:
    other = replace(leg, weather=(leg.weather[0], Weather(), *leg.weather[2:]))

    assert len({leg: 1, other: 2}) == 2
