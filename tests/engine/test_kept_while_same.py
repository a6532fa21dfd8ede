from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.engine.cache import KeptWhileSame


@given(st.lists(st.integers(0, 2), max_size=30))
def test_a_value_is_made_at_most_twice_for_as_long_as_it_is_asked_for(keys: list[int]) -> None:
    kept: KeptWhileSame[str] = KeptWhileSame()
    made: list[int] = []

    def make(key: int) -> str:
        made.append(key)
        return f"value {key}"

    expected, before, in_a_row = [], None, 0
    for key in keys:
        assert kept.get(key, lambda key=key: make(key)) == f"value {key}"
        in_a_row = in_a_row + 1 if key == before else 1
        before = key
        expected += [key] * (in_a_row <= 2)
    assert made == expected
