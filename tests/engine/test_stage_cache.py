from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.engine.cache import StageCache, key_of

KIB = 1024


def _array(kib: int) -> np.ndarray:
    return np.zeros(kib * KIB, np.uint8)


def test_a_value_is_made_once():
    cache, made = StageCache(KIB), []

    def make() -> int:
        made.append(1)
        return 7

    assert [cache.get("a", make) for _ in range(3)] == [7, 7, 7]
    assert len(made) == 1


def test_without_memory_nothing_is_kept():
    cache = StageCache(0)
    cache.get("a", lambda: 1)
    assert len(cache) == 0


def test_the_least_recently_used_goes_first():
    cache = StageCache(3 * KIB)
    for name in "abc":
        cache.get(name, lambda: _array(1))
    cache.get("a", lambda: pytest.fail("a is known"))
    cache.get("d", lambda: _array(1))
    for name in "acd":
        cache.get(name, lambda name=name: pytest.fail(f"{name} is known"))
    assert cache.get("b", lambda: "made again") == "made again"


def test_memory_that_values_share_counts_once():
    @dataclass
    class Both:
        one: np.ndarray
        other: torch.Tensor

    cache = StageCache(100 * KIB)
    shared = _array(10)
    cache.get("a", lambda: Both(shared, torch.zeros(KIB)))
    cache.get("b", lambda: {"view": shared[:5], "list": [shared]})
    assert cache.bytes == 14 * KIB
    cache.clear()
    assert (cache.bytes, len(cache)) == (0, 0)


def test_what_is_larger_than_the_memory_is_given_and_not_kept():
    cache = StageCache(2 * KIB)
    cache.get("small", lambda: _array(1))
    assert cache.get("large", lambda: _array(3)).nbytes == 3 * KIB
    assert cache.get("small", lambda: pytest.fail("it is known")).nbytes == KIB


def test_what_fails_is_not_kept():
    cache = StageCache(KIB)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 3) == 3


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=60))
def test_memory_never_exceeds_its_limit_and_is_counted_right(wanted):
    cache = StageCache(8 * KIB)
    pool = [_array(size) for size in range(5)]
    for name, first in wanted:
        value = cache.get(f"{name}", lambda first=first: [pool[first], _array(1)])
        assert value[1].nbytes == KIB
        assert cache.bytes <= 8 * KIB
    kept = {id(array): array.nbytes for entry in cache._entries.values() for array in entry.value}
    assert cache.bytes == sum(kept.values())


def test_many_threads_at_once():
    cache = StageCache(4 * KIB)

    def work(seed: int) -> None:
        for i in range(200):
            assert cache.get(str((seed * i) % 9), lambda: _array(1)).nbytes == KIB

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.bytes == len(cache) * KIB <= 4 * KIB


def test_keys_tell_parts_apart_and_not_the_order_of_names():
    assert key_of("a", {"x": 1, "y": 2}) == key_of("a", {"y": 2, "x": 1})
    assert len({key_of("a", "b"), key_of("ab"), key_of(["a", "b"]), key_of("a", None), key_of("a", 0)}) == 5
