"""Promise: a moment of the monotonic clock is dated by the time of day that it was then."""

import math
import time

import pytest
from hypothesis import given, strategies as st

from hydrochat_otel.runtime.clocks import Clocks, clocks


class Machine:
    """Two clocks that a test sets; each reading of the monotonic one takes a microsecond."""

    def __init__(self):
        self.monotonic_s, self.unix_s, self.reading_s = 100.0, 1_764_385_000.0, 1e-6

    def monotonic(self):
        """Return the monotonic time, and let some pass."""
        self.go(self.reading_s)
        return self.monotonic_s

    def wall(self):
        """Return the time of day."""
        return self.unix_s

    def go(self, seconds):
        """Let time pass."""
        self.monotonic_s += seconds
        self.unix_s += seconds


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def of_machine(machine):
    return Clocks(machine.monotonic, machine.wall)


def test_a_moment_is_dated(machine, of_machine):
    """To the microseconds that a look takes."""
    machine.go(5)
    assert of_machine.unix_s(machine.monotonic_s) == pytest.approx(machine.unix_s, abs=2e-6)


def test_a_new_time_of_day_dates_what_follows(machine, of_machine):
    """What was settled before keeps its date; what ended since the last look has the new one."""
    machine.go(1)
    before = machine.monotonic_s, machine.unix_s
    of_machine.look()
    machine.unix_s += 3600
    machine.go(1)
    after = machine.monotonic_s, machine.unix_s
    of_machine.look()
    for _ in range(3):
        found = of_machine.all_unix_s([before[0], after[0]])
        assert found == pytest.approx([before[1], after[1]], abs=2e-6)
        assert found == [of_machine.unix_s(before[0]), of_machine.unix_s(after[0])]
        machine.go(10)
        of_machine.look()


def test_a_clock_that_is_slewed_changes_nothing(machine, of_machine):
    """Less than a millisecond is within what looks differ by."""
    before = of_machine.unix_s(101.0)
    machine.unix_s += 0.0005
    of_machine.look()
    assert of_machine.unix_s(101.0) == before


def test_a_look_that_something_interrupts_is_repeated_or_does_not_count(machine, of_machine):
    """Its difference could be wrong by half of the time that it took."""
    before = of_machine.unix_s(101.0)
    machine.reading_s = 2.0
    of_machine.look()
    assert of_machine.unix_s(101.0) == before


def test_the_oldest_differences_are_forgotten(machine, of_machine):
    """A clock that jumps again and again costs no memory; an older moment has the oldest difference that is known."""
    for _ in range(500):
        machine.unix_s += 10
        machine.go(1)
        of_machine.look()
    assert len(of_machine._known) == 64
    assert of_machine.unix_s(machine.monotonic_s) == pytest.approx(machine.unix_s, abs=1e-3)
    assert math.isfinite(of_machine.unix_s(-1e9))


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0.1, 50)), max_size=6))
def test_moments_have_the_difference_of_their_time(steps):
    """However often the time of day is set, each moment that was looked at has the one of then."""
    machine = Machine()
    of_machine, expected = Clocks(machine.monotonic, machine.wall), []
    for set_by_s, seconds in steps:
        machine.unix_s += set_by_s
        machine.go(seconds)
        expected.append((machine.monotonic_s, machine.unix_s))
        of_machine.look()
    if expected:
        moments_s, unix_s = map(list, zip(*expected, strict=True))
        assert of_machine.all_unix_s(moments_s) == pytest.approx(unix_s, abs=2e-3)


def test_those_of_the_process_agree():
    """With the real clocks."""
    clocks.look()
    before_s, moment_s, after_s = time.time(), time.perf_counter(), time.time()
    assert before_s - 0.002 <= clocks.unix_s(moment_s) <= after_s + 0.002
