"""Random streams: pinned numbers, independence, fairness; and the standard library's distributions on top."""

from __future__ import annotations

import collections
import copy
import random
import statistics
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_do.runtime.errors import InvalidArgumentError, InvariantViolation
from temporal_do.runtime.prng import Stream, uuid4_from, workflow_random


def test_the_numbers_are_pinned_forever() -> None:
    assert [f"{Stream(0, '').next_u64():016x}", f"{Stream('seed', 'label').next_u64():016x}"] == PINNED_FIRST
    stream = Stream(b"seed", "label")
    assert [stream.next_u64() for _ in range(3)] == PINNED_U64
    assert [stream.below(n) for n in (1, 2, 6, 1000, 2**64, 2**100)] == PINNED_BELOW
    assert [stream.random() for _ in range(2)] == PINNED_RANDOM
    assert str(uuid4_from(stream)) == PINNED_UUID
    assert stream.bytes(5).hex() == PINNED_BYTES


def test_splitmix64_is_the_published_one() -> None:
    stream = Stream(0)
    stream.setstate(1234567)  # the reference sequence of the published C code for this state
    assert [stream.next_u64() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_the_distributions_are_pinned_on_every_python() -> None:
    rng = workflow_random(Stream("distributions"))
    drawn: list[Any] = [
        rng.random(),
        rng.randint(1, 6),
        rng.randrange(0, 1000, 7),
        rng.choice("abcdef"),
        rng.choices([1, 2, 3], weights=[1, 2, 3], k=4),
        rng.sample(range(1000), 5),
        round(rng.gauss(0, 1), 12),
        round(rng.normalvariate(0, 1), 12),
        round(rng.expovariate(2.0), 12),
        round(rng.uniform(2, 3), 12),
        round(rng.triangular(0, 1, 0.5), 12),
        round(rng.betavariate(1, 2), 12),
        round(rng.paretovariate(3), 12),
        rng.getrandbits(70),
        rng.randbytes(4).hex(),
    ]
    cards = list(range(10))
    rng.shuffle(cards)
    assert [*drawn, cards] == PINNED_DISTRIBUTIONS


def test_seeds_of_other_types_and_other_labels_are_other_streams() -> None:
    streams = [
        Stream(seed, label)
        for seed in (0, 1, -1, 2**200, "1", b"1", "", b"", "é")
        for label in ("", "a", "b", "ab")
    ]
    assert len({stream.next_u64() for stream in streams}) == len(streams)


def test_a_seed_of_another_type_is_refused() -> None:
    for seed in (None, 1.5, True, ()):
        with pytest.raises(InvalidArgumentError):
            Stream(seed)  # type: ignore[arg-type]


@given(st.integers(1, 2**130), st.integers())
def test_below_stays_below(n: int, seed: int) -> None:
    stream = Stream(seed)
    assert all(0 <= stream.below(n) < n for _ in range(5))


@given(st.integers(0, 300), st.integers())
def test_bits_have_that_many_bits(count: int, seed: int) -> None:
    assert 0 <= Stream(seed).bits(count) < 2**count


def test_bounds_that_make_no_sense_are_refused() -> None:
    for call in (lambda: Stream(1).below(0), lambda: Stream(1).below(-5), lambda: Stream(1).bits(-1)):
        with pytest.raises(InvariantViolation):
            call()


def test_below_is_unbiased_even_for_awkward_bounds() -> None:
    stream = Stream("fair")
    bound = 3 * 2**62  # a plain modulo would draw the first third of the range twice as often
    thirds = collections.Counter(stream.below(bound) // 2**62 for _ in range(6000))
    assert all(1850 < thirds[third] < 2150 for third in range(3))
    dice = collections.Counter(stream.below(6) for _ in range(12000))
    assert all(1850 < dice[face] < 2150 for face in range(6))


def test_floats_cover_the_unit_interval_evenly() -> None:
    stream = Stream("floats")
    drawn = [stream.random() for _ in range(10_000)]
    assert 0 <= min(drawn) < 0.001
    assert 0.999 < max(drawn) < 1
    assert abs(statistics.fmean(drawn) - 0.5) < 0.01
    assert abs(statistics.pvariance(drawn) - 1 / 12) < 0.003


def test_drawing_from_one_stream_does_not_shift_another() -> None:
    one, two = Stream(7, "one"), Stream(7, "two")
    expected = [Stream(7, "two").next_u64()]
    for _ in range(100):
        one.next_u64()
    assert [two.next_u64()] == expected


def test_a_position_can_be_kept() -> None:
    stream = Stream(1)
    state = stream.getstate()
    first = stream.next_u64()
    stream.setstate(state)
    assert stream.next_u64() == first
    rng = workflow_random(Stream(1))
    rng.gauss(0, 1)
    kept = rng.getstate()
    after = [rng.gauss(0, 1), rng.random()]
    rng.setstate(kept)
    assert [rng.gauss(0, 1), rng.random()] == after


def test_seeding_restarts_and_never_asks_for_entropy() -> None:
    rng = workflow_random(Stream(1))
    rng.seed(5)
    first = rng.random()
    rng.random()
    rng.seed(5)
    assert rng.random() == first
    with pytest.raises(InvalidArgumentError):
        rng.seed()
    with pytest.raises(InvalidArgumentError):
        rng.seed(None)


def test_it_is_a_random_of_the_standard_library_that_cannot_be_copied() -> None:
    rng = workflow_random(Stream(1))
    assert isinstance(rng, random.Random)
    with pytest.raises(TypeError):
        copy.copy(rng)
    with pytest.raises(InvalidArgumentError):
        rng.setstate(random.Random(1).getstate())
    with pytest.raises(ValueError):
        rng.getrandbits(-1)


def test_uuids_are_version_4() -> None:
    made = [uuid4_from(Stream(n)) for n in range(50)]
    assert {(each.version, each.variant) for each in made} == {(4, made[0].variant)}
    assert len(set(made)) == 50


# --- known answers ---
PINNED_FIRST: list[str] = ["93bf7065c4c1e112", "da6bf157398602c0"]
PINNED_U64: list[int] = [13996085251021044610, 4551550275687738930, 12356091508239826990]
PINNED_BELOW: list[int] = [0, 1, 1, 51, 14633909564598366798, 190480455590607170877945481208]
PINNED_RANDOM: list[float] = [0.5839367184979549, 0.782632988342756]
PINNED_UUID = "8d49bc6b-4f7c-43b7-986e-72835c0990d5"
PINNED_BYTES = "8f51f0f975"
PINNED_DISTRIBUTIONS: list[Any] = [
    0.9272057856065363,
    3,
    567,
    "e",
    [3, 2, 3, 2],
    [327, 183, 489, 947, 101],
    -0.817132366811,
    -1.251990558297,
    0.082247168638,
    2.654480851277,
    0.605479547387,
    0.238903385452,
    1.704884789539,
    145283801022126056598,
    "a297d8d4",
    [2, 6, 0, 5, 1, 7, 3, 9, 4, 8],
]
