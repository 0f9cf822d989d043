"""Many browser sessions chat at once while the corpus is rebuilt: every answer must be there, and be the right session's.

python -m tests.ui.ten_sessions --url http://127.0.0.1:7860/ --minutes 5
"""

from __future__ import annotations

import asyncio
import math
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import typer
from playwright.async_api import Browser, FilePayload, Locator, Page, async_playwright, expect

from tests.ui.watched import ARGUMENTS, CHROMIUM
from ui.console import out

SESSIONS = 10
MARKER = re.compile(r"mark-s\d+-q\d+-end")
TOTAL = re.compile(r"total ([\d.]+) s")
QUESTIONS = ("What does lora_alpha scale?", "Как устроен поиск по документам?", "What is a chunk?", "Меняет ли ICL веса модели?")
PATIENCE = 300.0
"""Seconds for one answer: ten at a time on two cores can be slow, but none may be lost."""


@dataclass
class Report:
    """Seconds from sending a question to its first words and to the end of all its panes, as seen in the browser, and each pane's
    total as the server counted it (drawing eleven pages at once takes a machine longer than serving them); what went wrong; rebuilds.
    """

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    asked: dict[int, int] = field(default_factory=dict)
    rebuilds: list[float] = field(default_factory=list)

    def lines(self) -> list[str]:
        spread = min(self.asked.values(), default=0), max(self.asked.values(), default=0)
        return [
            f"{len(self.whole)} questions by {len(self.asked)} sessions ({spread[0]} to {spread[1]} each), {len(self.problems)} problems",
            f"first words: p50 {quantile(self.first, 0.5):.2f} s, p95 {quantile(self.first, 0.95):.2f} s",
            f"all panes:   p50 {quantile(self.whole, 0.5):.2f} s, p95 {quantile(self.whole, 0.95):.2f} s",
            f"the server:  p50 {quantile(self.served, 0.5):.2f} s, p95 {quantile(self.served, 0.95):.2f} s for a pane",
            f"{len(self.rebuilds)} rebuilds meanwhile: {', '.join(f'{each:.1f} s' for each in self.rebuilds) or 'none'}",
            *self.problems[:20],
        ]


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so many are not above; nan of none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


async def run(url: str, seconds: float, *, sessions: int = SESSIONS, echoed: bool = False, rebuilding: bool = True) -> Report:
    """`echoed`: the generator repeats the marker of the question that it answers (fakes do), so that each answer is checked, too."""
    report = Report()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS.split())
        pages = await asyncio.gather(*(_opened(browser, url) for _ in range(sessions + rebuilding)))
        until = time.monotonic() + seconds
        chats = [_session(page, number, until, report, echoed) for number, page in enumerate(pages[:sessions])]
        works = [_rebuild(pages[-1], until, report)] if rebuilding else []
        for result in await asyncio.gather(*chats, *works, return_exceptions=True):
            if isinstance(result, BaseException):
                report.problems.append(f"{type(result).__name__}: {str(result).splitlines()[0][:300]}")
        await browser.close()
    return report


async def _opened(browser: Browser, url: str) -> Page:
    """A browser session of its own, ready to ask."""
    context = await browser.new_context(locale="en-US", viewport={"width": 1100, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    await page.goto(url)
    await expect(page.locator("#question textarea")).to_be_editable(timeout=PATIENCE * 1000)
    return page


async def _session(page: Page, number: int, until: float, report: Report, echoed: bool) -> None:
    report.asked[number] = count = 0
    while time.monotonic() < until or not count:
        marker = f"mark-s{number}-q{count}-end"
        await _ask(page, f"{QUESTIONS[(number + count) % len(QUESTIONS)]} {marker}", marker, report, echoed)
        count += 1
        report.asked[number] = count
        await asyncio.sleep(0.2)
    await _own(page, number, count, report)


async def _ask(page: Page, question: str, marker: str, report: Report, echoed: bool) -> None:
    began = time.monotonic()
    await page.fill("#question textarea", question)
    await page.press("#question textarea", "Enter")
    await expect(page.locator("#now .question")).to_contain_text(marker, timeout=PATIENCE * 1000)
    panes = page.locator("#now article.pane")
    await expect(page.locator("#now article .answer > p:not(.doing), #now article .note").first).to_be_visible(timeout=PATIENCE * 1000)
    report.first.append(time.monotonic() - began)
    await expect(page.locator("#now article[aria-busy=true]")).to_have_count(0, timeout=PATIENCE * 1000)
    report.whole.append(time.monotonic() - began)
    if await panes.count() == 0:
        report.problems.append(f"{marker}: no answer at all")
    for pane in await panes.all():
        await _check(pane, marker, report, echoed)
    await expect(page.locator("#send")).to_be_visible(timeout=PATIENCE * 1000)


async def _check(pane: Locator, marker: str, report: Report, echoed: bool) -> None:
    """A pane that is done, with words, made of this question and no other."""
    kind, said = await pane.get_attribute("class") or "", await pane.locator(".answer").inner_text()
    if "done" not in kind.split() or not said.strip():
        report.problems.append(f"{marker}: a pane is {kind!r} and says {said[:120]!r}")
    whole = await pane.text_content() or ""
    report.served += [float(seconds) for seconds in TOTAL.findall(whole)]
    found = set(MARKER.findall(whole))
    if found - {marker}:
        report.problems.append(f"{marker}: crossed with {sorted(found - {marker})}")
    if echoed and marker not in said:
        report.problems.append(f"{marker}: answered with {said[:120]!r}")


async def _own(page: Page, number: int, count: int, report: Report) -> None:
    """The whole conversation: every question once, in order, and nobody else's."""
    seen = [MARKER.findall(words) for words in await page.locator(".turn .question").all_inner_texts()]
    wanted = [[f"mark-s{number}-q{each}-end"] for each in range(count)]
    if seen != wanted:
        report.problems.append(f"session {number} shows the questions {seen[:5]}..., not its own {count}")


async def _rebuild(page: Page, until: float, report: Report) -> None:
    """As a person would: a new document, and the button; again and again while the others chat."""
    await page.locator("#pages").get_by_role("tablist").first.get_by_role("tab").nth(1).click()
    parts = page.locator("#corpus-parts").get_by_role("tab")
    number = 0
    while time.monotonic() < until or not number:
        began = time.monotonic()
        await parts.nth(2).click()
        words = f"# Note {number}\n\nThe secret of rebuild {number} is {began}.\n"
        file = FilePayload(name=f"note-{number}.md", mimeType="text/markdown", buffer=words.encode())
        async with page.expect_file_chooser() as chooser:
            await page.locator("#corpus-upload").click()
        await (await chooser.value).set_files([file])
        await expect(page.locator("#corpus-taken")).to_contain_text(f"note-{number}", timeout=PATIENCE * 1000)
        await page.locator("#corpus-rebuild").click()
        await expect(page.locator("#corpus-cancel")).to_be_visible(timeout=PATIENCE * 1000)
        await expect(page.locator("#corpus-cancel")).to_be_hidden(timeout=PATIENCE * 1000)
        await expect(page.locator("#corpus-job .job.done")).to_be_visible(timeout=PATIENCE * 1000)
        report.rebuilds.append(time.monotonic() - began)
        number += 1
        await asyncio.sleep(2)


def main(
    *,
    url: Annotated[str, typer.Option(help="A page that is being served.")] = "http://127.0.0.1:7860/",
    minutes: Annotated[float, typer.Option(help="How long to chat.")] = 5.0,
    sessions: Annotated[int, typer.Option(help="Browser sessions at once.")] = SESSIONS,
    rebuilding: Annotated[bool, typer.Option(help="Upload documents and rebuild meanwhile.")] = True,
) -> None:
    """Chat in many browser sessions at once; print the latencies, and everything lost or crossed."""
    report = asyncio.run(run(url, minutes * 60, sessions=sessions, rebuilding=rebuilding))
    for line in report.lines():
        out.print(line, markup=False)
    sys.exit(1 if report.problems or not report.whole else 0)


if __name__ == "__main__":
    typer.run(main)
