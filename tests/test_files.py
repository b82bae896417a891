from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karl.files import atomic_path, hash_file, hash_json, write_json, write_text


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "report.json"
    for value in ({"a": 1}, {"name": "鉛筆"}):
        write_json(target, value)
        assert json.loads(target.read_text(encoding="utf-8")) == value
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_old_content_and_no_other_file(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError, match="half way"), atomic_path(target) as temporary:
        temporary.write_text("new")
        raise RuntimeError("half way")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_content_stays_visible_while_the_new_one_is_written(tmp_path: Path) -> None:
    target = tmp_path / "notes.txt"
    write_text(target, "old")
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"


def test_the_temporary_file_keeps_folder_and_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "values.npy") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".npy")
        assert not temporary.exists()
        temporary.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["values.npy"]


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "notes.txt", "open")
    assert (tmp_path / "notes.txt").stat().st_mode & 0o777 == 0o644


def test_hash_file_is_the_sha256_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(b"\0karl\r\n")
    assert hash_file(path) == hashlib.sha256(b"\0karl\r\n").hexdigest()


@given(st.dictionaries(st.text(), st.integers() | st.lists(st.integers()), min_size=2))
def test_hash_json_ignores_the_order_of_keys(value: dict[str, object]) -> None:
    reverse = dict(reversed(value.items()))
    assert hash_json({"nested": value}) == hash_json({"nested": reverse})


def test_hash_json_tells_values_apart() -> None:
    values = [{}, [], None, 0, "0", [1, 2], [2, 1], {"a": 1}, {"a": 2}, {"b": 1}]
    assert len({hash_json(value) for value in values}) == len(values)
