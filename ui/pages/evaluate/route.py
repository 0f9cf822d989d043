"""The address under which the report of a run is shown and its numbers are fetched: /atlas/report/RUN."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from rag.errors import UserError
from ui.chat.text import Language
from ui.messages.translation import in_words, translated
from ui.pages.evaluate.earlier import find, open_run

if TYPE_CHECKING:
    from rag.settings import Settings

PATH = "/atlas/report/{run}"
HEADERS = {
    # A report is a picture to read: it loads nothing, runs nothing, sends nothing, and is framed by our own page only.
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
FILES = {"": ("report.html", "text/html"), "json": ("report.json", "application/json"), "csv": ("scores.csv", "text/csv")}
LANGUAGES = ("en", "ru")
Endpoint = Callable[[Request], Awaitable[Response]]


def report_route(settings: Settings) -> tuple[str, Endpoint]:
    """(path, endpoint) for starlette. `?lang=ru` asks for a language, `?file=json` or `?file=csv` for the numbers as a download.

    Only the name of a run in the list is ever looked up, and only three files of its report are ever sent.
    """

    async def endpoint(request: Request) -> Response:
        run, wanted = str(request.path_params["run"]), request.query_params.get("file", "")
        language = request.query_params.get("lang", "")
        shown: Language = "ru" if language == "ru" else "en"
        folder = await asyncio.to_thread(find, settings, run)
        if folder is None or wanted not in FILES:
            return PlainTextResponse(translated("There is no such report.", shown), status_code=404, headers=HEADERS)
        try:
            place = await asyncio.to_thread(kept, folder, language if language in LANGUAGES else "")
        except UserError as exc:
            return PlainTextResponse(in_words(exc, shown), status_code=409, headers=HEADERS)
        name, media = FILES[wanted]
        saved = f"{run}.{name}" if wanted else None  # with a name it is a download
        return FileResponse(place / name, media_type=media, headers=HEADERS, filename=saved)

    return PATH, endpoint


def kept(folder: Path, language: str = "") -> Path:
    """The folder of the run's report in that language ("" = the one that is there), made if need be. Raises UserError."""
    from eval.report import write

    first = folder / "report"
    there = _language(first / "report.html")
    if there and language in ("", there):
        return first
    place = first / language if there else first
    if _language(place / "report.html") != (language or "en"):
        write(open_run(folder), place, language=language or "en")
    return place


def _language(file: Path) -> str:
    """Of a report that is there; "" when it is not."""
    try:
        with file.open(encoding="utf-8") as page:
            head = page.read(200)
    except (OSError, UnicodeDecodeError):
        return ""
    return next((language for language in LANGUAGES if f'<html lang="{language}">' in head), "")
