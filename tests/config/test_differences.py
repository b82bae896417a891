from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from karl.config.compose import compose_config, differences

CONFIGS = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda children: st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


def test_keys_are_dotted_and_values_come_old_first() -> None:
    old = {"seed": 0, "budget": {"rounds": 3, "labels": None}, "columns": ["a"]}
    new = {"seed": 0, "budget": {"rounds": 5, "labels": None}, "columns": ["a", "b"]}
    assert differences(old, new) == {
        "budget.rounds": (3, 5),
        "columns": (["a"], ["a", "b"]),
    }


def test_a_key_that_one_side_lacks_is_none_there() -> None:
    assert differences({"a": 1}, {"b": {"c": 2}}) == {"a": (1, None), "b.c": (None, 2)}


def test_two_experiments_differ_where_they_were_told_to() -> None:
    found = differences(*map(compose_config, (["sampler=margin"], ["sampler=qbc", "split.fold=2"])))
    assert found["split.fold"] == (0, 2)
    assert found["choices.sampler"] == ("margin", "qbc")
    assert found["sampler.disagreement"] == (None, "variance")


@given(CONFIGS)
def test_a_configuration_does_not_differ_from_itself(config: dict[str, object]) -> None:
    assert differences(config, config) == {}


@given(CONFIGS, CONFIGS)
def test_differences_are_the_same_both_ways(one: dict[str, object], two: dict[str, object]) -> None:
    back = {key: (new, old) for key, (old, new) in differences(two, one).items()}
    assert differences(one, two) == back
