"""The directory: who answers, by which of the number's names, for which caller."""

from __future__ import annotations

import gc
import json
import uuid

import pytest

from trunkline.db.routes import Route, Served
from trunkline.domain.callers import full_number
from trunkline.routing.directory import Directory, Former, answer_of
from trunkline.routing.voice_ids import VoiceIds

NUMBER, VOICE_ID = "+14155550123", "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11"
ROMA, MILANO = Served("rst_roma", "Roma"), Served("rst_milano", "Milano")


def name(
    directory: Directory, voice_id: str | None = None, number: str | None = None, caller: str | None = None
) -> str:
    answer = directory.find(voice_id, None, number, caller)
    assert isinstance(answer, bytes)
    return str(json.loads(answer)["restaurant_name"])


def directory_of(*routes: Route) -> Directory:
    directory = Directory()
    directory.update(routes)
    return directory


def test_an_answer_is_what_the_assistant_gets_to_know() -> None:
    directory = directory_of(Route(NUMBER, VOICE_ID, Served("rst_roma", 'Da "Gigi" à Roma')))
    found = directory.find(VOICE_ID, None, None, None)
    assert isinstance(found, bytes)
    values = {"restaurant_id": "rst_roma", "restaurant_name": 'Da "Gigi" à Roma', "called_number": NUMBER}
    assert json.loads(found) == values


def test_the_calls_id_is_asked_before_the_rows_id_and_both_before_the_number() -> None:
    other, third = str(uuid.uuid4()), str(uuid.uuid4())
    directory = directory_of(
        Route(NUMBER, VOICE_ID, ROMA),
        Route("+14155550124", other, MILANO),
        Route("+14155550125", third, Served("rst_napoli", "Napoli")),
    )
    by_all = directory.find(VOICE_ID, other, "+14155550125", None)
    by_row = directory.find(str(uuid.uuid4()), other, "+14155550125", None)
    by_number = directory.find(str(uuid.uuid4()), None, "+14155550125", None)
    names = [json.loads(found)["restaurant_name"] for found in (by_all, by_row, by_number) if isinstance(found, bytes)]
    assert names == ["Roma", "Milano", "Napoli"]


def test_an_id_is_found_in_either_case_and_one_that_is_no_uuid_as_it_is() -> None:
    directory = directory_of(Route(NUMBER, VOICE_ID, ROMA), Route("+14155550124", "pn_12", MILANO))
    assert name(directory, VOICE_ID.upper()) == "Roma"
    assert name(directory, "pn_12") == "Milano"
    assert directory.find("zzzzzzzz-5d0f-4c55-9b0f-1f0f3e7d2a11", None, None, None) is None


def test_ids_are_told_apart_whatever_lies_beside_them() -> None:
    """The bytes of one may lie across two others; an odd number's id may become an ordinary number's."""
    ids, last = VoiceIds(), "0001-0000-000000000001"
    first, second = f"00000000-0000-{last}", f"11111111-1111-{last}"
    ids.set(first, 0x2233445566778899)
    ids.set(second, 14155550124)
    across = "22334455-6677-8899-1111-111111110001"
    assert [ids.get(one) for one in (first, second)] == [0x2233445566778899, 14155550124]
    assert ids.get(across) is None
    ids.set(first, "112")
    assert ids.get(first) == "112"
    ids.set(first, 14155550123)
    assert [ids.get(first), ids.get(second.upper()), ids.get("zz")] == [14155550123, 14155550124, None]


def test_a_number_that_is_none_is_found_by_its_text() -> None:
    directory = directory_of(Route("+0123", VOICE_ID, ROMA), Route("112", None, MILANO))
    assert name(directory, VOICE_ID) == name(directory, None, "+0123") == "Roma"
    assert name(directory, None, "112") == "Milano"
    assert directory.find(None, None, "+123", None) is None


@pytest.mark.parametrize("asked", [(None, None, None, None), (VOICE_ID, None, NUMBER, None), ("", "", "", "")])
def test_nobody_is_guessed(asked: tuple[str | None, str | None, str | None, str | None]) -> None:
    assert Directory().find(*asked) is None
    others = directory_of(Route("+14155550199", str(uuid.uuid4()), MILANO))
    assert others.find(*asked) is None


def test_a_registered_caller_gets_its_restaurant_and_everyone_else_the_active_one() -> None:
    tester = Served("rst_milano", "Milano", ("+14155550142",))
    directory = directory_of(Route(NUMBER, VOICE_ID, ROMA, (tester,)))
    assert name(directory, VOICE_ID, caller="+14155550142") == "Milano"
    assert name(directory, None, NUMBER, "+1 (415) 555-0142") == "Milano"
    assert name(directory, VOICE_ID, caller="+14155550143") == "Roma"
    assert name(directory, VOICE_ID, caller="anonymous") == "Roma"
    assert name(directory, VOICE_ID) == "Roma"


def test_a_caller_registered_twice_gets_the_active_restaurant_else_the_newest() -> None:
    callers = ("+14155550142",)
    newest, oldest = Served("rst_c", "Newest", callers), Served("rst_b", "Oldest", callers)
    directory = directory_of(Route(NUMBER, None, ROMA, (newest, oldest)))
    assert name(directory, None, NUMBER, callers[0]) == "Newest"
    directory.update([Route(NUMBER, None, Served("rst_a", "Active", callers), (newest, oldest))])
    assert name(directory, None, NUMBER, callers[0]) == "Active"


def test_where_nobody_is_active_only_registered_callers_are_answered() -> None:
    directory = directory_of(Route(NUMBER, None, None, (Served("rst_b", "Milano", ("+14155550142",)),)))
    assert name(directory, None, NUMBER, "+14155550142") == "Milano"
    assert directory.find(None, None, NUMBER, None) is None


def test_a_number_that_cools_down_is_told_with_whose_it_was() -> None:
    directory = directory_of(Route(NUMBER, VOICE_ID, former=ROMA))
    for found in (directory.find(VOICE_ID, None, None, None), directory.find(None, None, NUMBER, None)):
        assert isinstance(found, Former)
        assert found.values.restaurant_id == "rst_roma"


def test_the_latest_update_stands_whatever_stood_before() -> None:
    states = [
        Route(NUMBER, VOICE_ID, ROMA),
        Route(NUMBER, VOICE_ID, ROMA, (Served("rst_milano", "Milano", ("+1415",)),)),
        Route(NUMBER, VOICE_ID, former=ROMA),
        Route(NUMBER, VOICE_ID),
    ]
    for before in states:
        for after in states:
            directory = directory_of(before)
            directory.update([after])
            assert directory.find(VOICE_ID, None, NUMBER, "+1415") == answer_of(after, "+1415")
            assert len(directory) == (0 if after == states[-1] else 1)


def test_a_number_that_was_imported_anew_is_found_by_its_new_id() -> None:
    directory, new = directory_of(Route(NUMBER, VOICE_ID, ROMA)), str(uuid.uuid4())
    directory.update([Route(NUMBER, new, ROMA)])
    assert name(directory, new) == "Roma"
    directory.update([Route("+14155550124", VOICE_ID, MILANO)])
    assert name(directory, VOICE_ID) == "Milano"


def test_a_garbage_collection_has_nothing_to_visit() -> None:
    directory = directory_of(
        *(Route(f"+1415555{n:04d}", str(uuid.uuid4()), Served(f"rst_{n}", f"No. {n}")) for n in range(1000))
    )
    of_ids = vars(directory).pop("_ids")
    held = [*vars(of_ids).values(), *(value for name, value in vars(directory).items() if name != "_special")]
    gc.collect()
    assert [gc.is_tracked(value) for value in held] == [False] * len(held)
    assert len(directory) == 1000


@pytest.mark.parametrize(
    ("registered", "calling"),
    [
        ("+525512345678", "+5215512345678"),
        ("+5215512345678", "+525512345678"),
        ("+525512345678", "5215512345678"),
        ("+541123456789", "+5491123456789"),
        ("+5491123456789", "+54 11 2345-6789"),
    ],
)
def test_a_caller_is_known_in_either_form_of_its_number(registered: str, calling: str) -> None:
    tester = Served("rst_milano", "Milano", (registered,))
    route = Route(NUMBER, VOICE_ID, ROMA, (tester,))
    assert name(directory_of(route), VOICE_ID, caller=calling) == "Milano"
    assert answer_of(route, calling) == directory_of(route).find(VOICE_ID, None, None, calling)
    active = Route(NUMBER, VOICE_ID, tester, (Served("rst_napoli", "Napoli", (registered,)),))
    assert name(directory_of(active), VOICE_ID, caller=calling) == "Milano"


@pytest.mark.parametrize(
    ("called", "registered", "calling"),
    [
        (NUMBER, "+4792345678", "4792345678"),  # Connecticut's 479, not Norway
        (NUMBER, "+6562345678", "6562345678"),  # Florida's 656, not Singapore
        ("+861012345678", "+15512345678", "15512345678"),  # a mobile of China, not of New Jersey
        (NUMBER, "+4155550142", "4155550142"),
    ],
)
def test_a_number_without_its_country_is_nobodys_in_another_country(called: str, registered: str, calling: str) -> None:
    tester = Served("rst_milano", "Milano", (registered,))
    directory = directory_of(Route(called, VOICE_ID, ROMA, (tester,)))
    assert name(directory, VOICE_ID, caller=calling) == "Roma"
    assert name(directory, VOICE_ID, caller=registered) == "Milano"


@pytest.mark.parametrize(
    ("written", "near", "full"),
    [
        ("+1 (415) 555-0123", None, NUMBER),
        ("14155550123", None, NUMBER),
        ("tel:+1.415.555.0123", None, NUMBER),
        ("0014155550123", "+442079460124", NUMBER),
        ("442079460123", "+442079460124", "+442079460123"),
        ("4792345678", "+4721234567", "+4792345678"),
        ("4792345678", None, None),
        ("4155550123", NUMBER, None),
        ("02079460123", "+442079460124", None),
        ("anonymous", NUMBER, None),
        ("", NUMBER, None),
        (None, NUMBER, None),
        ("14155550123", "of no country", NUMBER),
    ],
)
def test_a_number_is_full_only_where_its_country_is_sure(written: str | None, near: str | None, full: str) -> None:
    assert full_number(written, near) == full
