"""A browser tab on the page, for the tests that use a real Chromium."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, expect

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync"
)


class Watched:
    """A browser tab that remembers what it asked for and what went wrong."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        context.on("request", self._asked)
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.goto(url)
        expect(self.page.locator("#status .line")).to_be_visible()
        expect(self.page.locator("#question textarea")).to_be_editable()

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def ask(self, question: str, *, wait: bool = True) -> None:
        self.page.fill("#question textarea", question)
        self.page.press("#question textarea", "Enter")
        expect(self.page.locator("#now .question")).to_contain_text(question)
        if wait:
            self.finished()

    def finished(self) -> None:
        expect(self.page.locator("#now article[aria-busy=false]")).to_have_count(2, timeout=30_000)

    def pane(self, number: int) -> Any:
        return self.page.locator("#now article.pane").nth(number)
