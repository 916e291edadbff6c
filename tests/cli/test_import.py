"""`trunkline restaurants import`: a file from a spreadsheet, in whatever form that writes it."""

from __future__ import annotations

import csv
import stat
import uuid
from pathlib import Path

import pytest

from tests.support.operator import Operator
from trunkline.cli.row_files import read_rows
from trunkline.errors import InvalidInput


def test_a_file_is_told_imported_and_its_keys_are_kept_for_its_owner(operator: Operator, tmp_path: Path) -> None:
    mark, file = uuid.uuid4().hex[:8], tmp_path / "restaurants.csv"
    file.write_text(f"name,external_id,metadata.city\nTrattoria {mark},{mark}-1,Rome\nPizzeria {mark},{mark}-2,\n")
    said = operator.run("restaurants", "import", str(file), "--dry-run", "--no-numbers")
    assert "2 new, 0 changed, 0 as they are, 0 refused" in said
    assert list(operator.client.restaurants(search=mark)) == []
    done = operator.run("restaurants", "import", str(file), "--yes", "--no-numbers")
    keys = Path(f"{file}.keys.csv")
    assert str(keys) in done
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    told = {row["external_id"]: row for row in csv.DictReader(keys.open())}
    assert {row.id for row in operator.client.restaurants(search=mark)} == {row["id"] for row in told.values()}
    assert all(row["api_key"].startswith("trk_") for row in told.values())
    before = keys.read_text()
    assert "2 as they are" in operator.run("restaurants", "import", str(file), "--yes", "--no-numbers")
    with file.open("a") as more:
        more.write(f"Osteria {mark},{mark}-3,\n")
    again = operator.refused_lines("restaurants", "import", str(file), "--yes", "--no-numbers", code=2)
    assert f"{keys} is there already" in again
    assert len(list(operator.client.restaurants(search=mark))) == 2
    assert keys.read_text() == before


def test_numbers_are_got_and_a_refused_row_is_told_with_its_line(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "restaurants.csv"
    file.write_text('name;area_code;metadata.note\nDa Mario;212;"two\nlines"\n\nBad;999999;\n', encoding="utf-16")
    said = operator.run("restaurants", "import", str(file), "--yes", code=2)
    assert "area_code: " in said
    assert [line.split()[0] for line in said.splitlines() if "refused  " in line] == ["5"]
    name = f"Da {uuid.uuid4().hex[:8]}"
    file.write_text(f'[{{"name": "{name}", "area_code": "212"}}]')
    assert "1 bought at twilio" in operator.run("restaurants", "import", str(file), "--yes")
    (made,) = operator.client.restaurants(search=name)
    assert (made.phone_number or "").startswith("+1212")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,city\nRoma,Rome\n", r"line 1, column 2: 'city' is no column"),
        (b"name,name\nRoma,Roma\n", r"column 2: 'name' is there twice"),
        (b"external_id\nR-1\n", r"no column name"),
        (b"name\nRoma\nCaf\xe9\n", r"line 3: this is not UTF-8"),
        (b"name,external_id\nRoma,R-1,R-2\n", r"line 2: 3 cells under 2 titles"),
        (b'name\n"Roma\n', r"unexpected end of data"),
        (b"name\n", r"has no rows"),
        (b'[{"name": "Roma", "city": "Rome"}]', r"row 1: 'city' is no field"),
        (b"[1]", r"no list of objects"),
        (b"[{", r"line 1 column 3"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "restaurants"
    file.write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        read_rows(file)
