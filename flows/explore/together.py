"""Questions that wait at the same time, answered at once."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import anyio.to_thread

Asked = TypeVar("Asked", bound=Hashable)
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """While some questions are answered, the next ones gather. One alone waits for nobody. To be used within one event loop."""

    def __init__(self, answers: Callable[[list[Asked]], dict[Asked, Answer | Exception]], *, most: int) -> None:
        """`answers` is called in a thread with at most so many questions, and says an answer or an error for each of them."""
        self._answers = answers
        self._most = most
        self._waiting: dict[Asked, asyncio.Future[Answer]] = {}
        self._work: asyncio.Task[None] | None = None

    async def answer(self, asked: Asked) -> Answer:
        """The answer, also to others who ask the same meanwhile. Raises what `answers` said or raised."""
        future = self._waiting.setdefault(asked, asyncio.get_running_loop().create_future())
        if self._work is None:
            self._work = asyncio.create_task(self._answer_all())
        return await asyncio.shield(future)  # Who leaves takes nothing from others.

    async def _answer_all(self) -> None:
        while self._waiting:
            some = {asked: self._waiting.pop(asked) for asked in list(self._waiting)[: self._most]}
            told: dict[Asked, Answer | Exception]
            try:
                told = await anyio.to_thread.run_sync(self._answers, list(some))
            except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for the answer
                told = dict.fromkeys(some, error)
            for asked, future in some.items():
                found = told[asked]
                if isinstance(found, Exception):
                    future.set_exception(found)
                else:
                    future.set_result(found)
        self._work = None
