"""Changes as texts of limited length."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from db.notifications import MISSED, PAYLOAD_BYTES_MAX, changes_of, payloads
from db.tables import Flight
from db.writes.changes import Change, ChangeKind
from tests.small import flight_values

EMPTY = dict.fromkeys(Flight.__table__.c.keys())
LONGEST = {
    "carrier_code": "PA (1)",
    "flight_number": 2**31 - 1,
    "origin_code": "AAAA",
    "destination_code": "BBBB",
    "tail_number": "N123456789",
    "actual_departure": datetime(2030, 6, 1, 12, 30, 59, 123456, UTC),
    "departure_delay_minutes": 30,
}


def flight(number: int, **values: Any) -> dict[str, Any]:
    return {**EMPTY, "id": number, **flight_values(flight_number=number), **values}


def updated(number: int, **values: Any) -> Change:
    return Change("flights", ChangeKind.UPDATED, flight(number), flight(number, **values))


def test_a_change_of_each_kind_arrives_as_it_was() -> None:
    changes = [
        Change("flights", ChangeKind.CREATED, None, flight(1, **LONGEST)),
        updated(2, **LONGEST),
        Change("flights", ChangeKind.UPDATED, flight(3, tail_number=None), flight(3)),
        Change("flights", ChangeKind.UPDATED, flight(4), flight(4, tail_number=None)),
        Change("flights", ChangeKind.DELETED, flight(5, **LONGEST), None),
    ]
    (payload,) = payloads(changes)
    assert changes_of(payload) == changes


def test_many_changes_take_several_texts_and_arrive_in_their_order() -> None:
    changes = [updated(number, **LONGEST) for number in range(1000)]
    texts = list(payloads(changes))
    assert [change for text in texts for change in changes_of(text) or ()] == changes
    assert max(len(text.encode()) for text in texts) <= PAYLOAD_BYTES_MAX
    assert len(texts) < 200


@pytest.mark.parametrize("length", range(3_300, 3_320))
def test_a_text_is_filled_to_the_last_byte_and_no_further(length: int) -> None:
    changes = [Change("flights", ChangeKind.CREATED, None, flight(1, tail_number="ü" * length)) for _ in range(2)]
    texts = list(payloads(changes))
    assert max(len(text.encode()) for text in texts) <= PAYLOAD_BYTES_MAX
    assert [change for text in texts for change in changes_of(text) or ()] == changes


def test_a_change_that_fits_nowhere_is_told_of_as_missed_and_the_others_as_they_are() -> None:
    long = Change("flights", ChangeKind.CREATED, None, flight(2, tail_number="N" * 8_000))
    texts = list(payloads([updated(1, **LONGEST), long, updated(3, **LONGEST)]))
    assert MISSED in texts
    assert [None if (some := changes_of(text)) is None else len(some) for text in texts].count(None) == 1
    assert sum(len(changes_of(text) or ()) for text in texts) == 2


def test_an_instant_is_the_same_whatever_its_offset() -> None:
    moment = datetime(2030, 6, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    (payload,) = payloads([Change("flights", ChangeKind.CREATED, None, flight(1, actual_departure=moment))])
    ((change,),) = [changes_of(payload) or []]
    assert change.after is not None
    assert change.after["actual_departure"] == moment


@pytest.mark.parametrize(
    "payload", ["", "{", "5", "[5]", '[["CREATED"]]', '[["NEW", {}, {}]]', "[[1, 2, 3]]", '[["CREATED", 5, {}]]']
)
def test_a_text_of_somebody_else_is_no_change(payload: str) -> None:
    with pytest.raises((ValueError, LookupError, TypeError, AttributeError)):
        changes_of(payload)
