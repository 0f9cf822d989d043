"""What goes wrong between us and a model server, converted once into one line for the user."""

from __future__ import annotations

import re

import httpx
import openai

from rag.errors import ServerError, TooSlow
from rag.generate.endpoint import Unavailable

BUSY = (502, 503, 504)
"""What a server, or the proxy before it, answers while it restarts."""

_LIMIT = re.compile(r"maximum (?:context|model) length(?: of the model)? (?:is |of |\()?(\d+)", re.I)


def translated(exc: Exception, *, url: str, model: str, timeout: float, begun: bool, start: str) -> ServerError | None:
    """The line for a foreign exception; Unavailable when another try may help; None when it is none of ours to explain.

    `begun`: text had come already, so that another try would repeat it. `start`: the command that starts the server.
    """
    if isinstance(exc, httpx.TimeoutException | openai.APITimeoutError):
        return TooSlow(
            f"No new token from the model server at {url} for {timeout:.0f} s.",
            "Ask again when it is less busy, or raise generate.timeout.",
        )
    if isinstance(exc, openai.APIStatusError):
        return _refused(exc, url=url, model=model, start=start)
    if begun and isinstance(exc, httpx.HTTPError | openai.APIError):
        return ServerError("The model server went away while answering;", f"start it with `{start}`.")
    if isinstance(exc, httpx.TransportError | openai.APIConnectionError):
        return Unavailable(
            f"The model server at {url} cannot be reached: {_root(exc)}.", f"Start it: {start}, or correct generate.base_url."
        )
    if isinstance(exc, openai.APIError):  # an error inside the stream
        return ServerError(f"The model server at {url} failed: {_words(exc)}.", f"Its log says more; start it again with `{start}`.")
    return None


def went_away(url: str, *, begun: bool, start: str) -> ServerError:
    """The stream ended without saying that the answer is complete."""
    if begun:
        return ServerError("The model server went away while answering;", f"start it with `{start}`.")
    return Unavailable(f"The model server at {url} closed the connection without an answer.", f"Start it: {start}")


def _refused(exc: openai.APIStatusError, *, url: str, model: str, start: str) -> ServerError:
    words = _words(exc)
    if exc.status_code in BUSY:
        return Unavailable(f"The model server at {url} is not ready (HTTP {exc.status_code}).", f"Wait for it, or start it: {start}")
    if exc.status_code in (401, 403):
        return ServerError(f"{url} refused the key (HTTP {exc.status_code}).", "Put it into the variable that generate.api_key_env names.")
    if exc.status_code == 404:
        return NotServed(f"{url} does not serve '{model}'.", "Set generate.model, or start the server with it.")
    limit = _LIMIT.search(words)
    if limit:
        return TooLong(int(limit.group(1)))
    if exc.status_code >= 500:
        return ServerError(f"The model server at {url} failed (HTTP {exc.status_code}): {words}.", "Its log says more.")
    return ServerError(
        f"The model server at {url} refused the request (HTTP {exc.status_code}): {words}.", "Check the settings of generate."
    )


class TooLong(ServerError):
    """Prompt and answer do not fit; the caller, who has the messages, says how long they are."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"Prompt and answer do not fit into {limit} tokens.")
        self.limit = limit


class NotServed(ServerError):
    """The server is there, the model is not; the caller adds what is."""


def _words(exc: openai.APIError) -> str:
    body = exc.body if isinstance(exc.body, dict) else {}
    inner = body.get("error", body)
    message = inner.get("message") if isinstance(inner, dict) else inner
    return " ".join(str(message or exc.message).split()).rstrip(".")[:400]


def _root(exc: BaseException) -> str:
    while exc.__cause__ is not None:
        exc = exc.__cause__
    return str(exc).rstrip(".") or type(exc).__name__
