"""What earlier versions called things is still understood."""

from __future__ import annotations

from typing import Any

import pytest

from karl.config import former
from karl.config.compose import compose_config
from karl.config.former import first_named, in_present_terms
from karl.runs.changes import default_name, fixed_hash

OF_0_1_0 = {"batch": False, "batch_poll_s": 60.0}


def test_targets_of_earlier_versions_have_their_present_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(former.ALIASES, "karl.old.Old", "karl.samplers.margin.Margin")
    old: dict[str, Any] = {
        "_target_": "karl.old.Old",
        "parts": [{"a": {"_target_": "karl.old.Old"}}],
    }
    new = in_present_terms(old)
    assert new["_target_"] == new["parts"][0]["a"]["_target_"] == "karl.samplers.margin.Margin"
    assert old["_target_"] == "karl.old.Old"
    assert in_present_terms({"_target_": ["karl.old.Old"]}) == {"_target_": ["karl.old.Old"]}
    assert first_named(new) == old


def test_no_class_that_moves_makes_another_run_of_an_old_one() -> None:
    config = compose_config([])
    old = first_named(config)
    assert in_present_terms(old) == config != old
    assert default_name(old) == default_name(config)


def test_keys_that_are_gone_are_left_out() -> None:
    config = compose_config(["llm=openai", "cards=llm"])
    old = config | {group: config[group] | OF_0_1_0 for group in ("llm", "cards")}
    assert in_present_terms(old) == config
    assert old["llm"]["batch"] is False
    assert fixed_hash(in_present_terms(old)) == fixed_hash(config)
    assert default_name(in_present_terms(old)) == default_name(config)


def test_a_key_of_the_same_name_of_ones_own_stays() -> None:
    own: dict[str, Any] = {"llm": {"_target_": "mine.Annotator", "batch": 16}}
    assert in_present_terms(own) == own
