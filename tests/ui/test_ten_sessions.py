"""Ten browser sessions chat at once while the corpus is rebuilt: no answer is lost, none is another session's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import pytest

from rag.assistant import Assistant
from rag.generate.generator import Usage
from rag.generate.scripted import ScriptedGenerator
from rag.index import versions
from rag.index.build import build
from rag.settings import Settings
from rag.types import Decoding, Message
from tests.ui.stage import corpus_settings
from tests.ui.ten_sessions import MARKER, SESSIONS, Report, quantile, run
from ui.chat.open import open_page
from ui.chat.serve import Serving
from ui.chat.status import Doing
from ui.console import out

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1500)]

SECONDS = 20.0


class Echo(ScriptedGenerator):
    """Repeats the marker of the question it is asked, at the pace of a model."""

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        marker = MARKER.findall(messages[-1].content)[-1]
        for word in [*f"The answer to this question is {marker} and".split(), *["word"] * 30, f"{marker} [1]."]:
            await asyncio.sleep(0.01)
            yield f"{word} "
        yield Usage(100, 40, "stop")


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[Settings, Serving]]:
    settings = corpus_settings(tmp_path)
    build(settings)

    async def ready() -> Doing | None:
        return None

    page = open_page(settings, Assistant(settings, Echo()), ready)
    yield settings, page
    page.stop()


def chatted(url: str) -> Report:
    """In a thread of its own: the other browser tests leave a loop in this one."""
    found: list[Report] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(run(url, SECONDS, echoed=True))))
    thread.start()
    thread.join()
    return found[0]


def test_ten_sessions_chat_while_the_corpus_is_rebuilt(crowded: tuple[Settings, Serving]) -> None:
    settings, page = crowded
    before = versions.live(versions.folder_of(settings))
    report = chatted(page.url)
    for line in report.lines():
        out.print(line, markup=False)
    assert report.problems == []
    assert len(report.asked) == SESSIONS and min(report.asked.values()) >= 1
    assert len(report.whole) == sum(report.asked.values()) == len(report.served) / 2
    assert report.rebuilds and versions.live(versions.folder_of(settings)) != before


def test_quantiles_are_values_that_were_measured() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(each) for each in range(1, 101)], 0.95) == 95.0
    assert quantile([7.0], 0.95) == 7.0
