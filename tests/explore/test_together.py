"""Questions that wait at the same time are answered at once, each with its own answer or error."""

import asyncio
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.explore.together import Together


class Answers:
    """Doubles even numbers and refuses odd ones; waits at the gate, and notes what it was asked at once."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, asked: list[int]) -> dict[int, str | Exception]:
        self.gate.wait(10)
        self.batches.append(asked)
        return {number: ValueError(f"{number} is odd") if number % 2 else f"twice {number} is {2 * number}" for number in asked}


async def told(together: Together[int, str], number: int) -> str:
    """The answer, or what the error says."""
    try:
        return await together.answer(number)
    except ValueError as error:
        return str(error)


async def all_told(answers: Callable[[list[int]], dict[int, str | Exception]], numbers: list[int], most: int) -> list[str]:
    together = Together(answers, most=most)
    return await asyncio.gather(*(told(together, number) for number in numbers))


def test_one_that_comes_alone_is_answered_alone_and_those_meanwhile_at_once() -> None:
    answers = Answers()

    async def ask() -> list[str]:
        together = Together(answers, most=3)
        first = asyncio.create_task(told(together, 2))
        await asyncio.sleep(0.05)  # The first is being answered now, and waits at the gate.
        others = [asyncio.create_task(told(together, number)) for number in (4, 5, 4, 6, 8)]
        await asyncio.sleep(0.05)
        answers.gate.set()
        return [await first, *(await asyncio.gather(*others))]

    assert asyncio.run(ask()) == ["twice 2 is 4", "twice 4 is 8", "5 is odd", "twice 4 is 8", "twice 6 is 12", "twice 8 is 16"]
    assert answers.batches == [[2], [4, 5, 6], [8]]


@given(numbers=st.lists(st.integers(0, 9), max_size=30), most=st.integers(1, 5))
def test_everybody_gets_the_answer_to_their_own_question(numbers: list[int], most: int) -> None:
    answers = Answers()
    answers.gate.set()
    found = asyncio.run(all_told(answers, numbers, most))
    assert found == [f"{number} is odd" if number % 2 else f"twice {number} is {2 * number}" for number in numbers]
    assert all(len(batch) <= most for batch in answers.batches)


def test_a_failure_reaches_all_that_wait_for_it_and_the_next_are_answered() -> None:
    answers = Answers()
    answers.gate.set()
    fails = [True]

    def sometimes(asked: list[int]) -> dict[int, str | Exception]:
        if fails.pop():
            raise ValueError("no release")
        return answers(asked)

    async def ask() -> list[str]:
        together = Together(sometimes, most=5)
        first = await asyncio.gather(told(together, 2), told(together, 4))
        fails.append(False)
        return [*first, await told(together, 6)]

    assert asyncio.run(ask()) == ["no release", "no release", "twice 6 is 12"]


def test_who_leaves_takes_no_answer_from_others() -> None:
    answers = Answers()

    async def ask() -> str:
        together = Together(answers, most=5)
        leaves, stays = asyncio.create_task(told(together, 2)), asyncio.create_task(told(together, 2))
        await asyncio.sleep(0.05)
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        answers.gate.set()
        return await stays

    assert asyncio.run(ask()) == "twice 2 is 4"
    assert answers.batches == [[2]]
