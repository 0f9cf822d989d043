"""LoRA adapters of the running model server: loaded and unloaded by name, from the home's own folder only."""

from __future__ import annotations

from pathlib import Path

from rag.errors import ServerError
from rag.serve.command import on_cpu
from rag.serve.vllm import Server, status
from rag.settings import Settings

LOAD_SECONDS = 120.0


def load(settings: Settings, name: str, folder: Path) -> None:
    """Serve the peft adapter in `folder` under `name`; the base model goes on answering meanwhile.

    `folder` must lie in <home>/adapters: the server would load any path that it is told to. Loading a name again replaces it.
    Raises ServerError: no server, a folder elsewhere, too many adapters, or vLLM cannot serve the adapter (with its own words).
    """
    allowed = (settings.home / "adapters").resolve()
    if not folder.resolve().is_relative_to(allowed):
        raise ServerError(f"The adapter {folder} is not in {allowed}.", "Copy it there first.")
    server = _running(settings)
    if name == server.model:
        raise ServerError(f"An adapter cannot be called '{name}': that is the base model's name.", "Give it another name.")
    others = [each for each in server.served if each not in (server.model, name)]
    if on_cpu() and len(others) >= settings.serve.max_adapters:  # the slot left over answers for the base model (see command.py)
        raise ServerError(
            f"The server has {len(others)} adapters, and serve.max_adapters is {settings.serve.max_adapters}: {', '.join(others)}.",
            "Unload one, or raise the setting and start the server again.",
        )
    body = {"lora_name": name, "lora_path": str(folder.resolve()), "load_inplace": name in server.served}
    _post(server, "load_lora_adapter", body, f"The adapter '{name}' cannot be served")


def unload(settings: Settings, name: str) -> bool:
    """Stop serving it; False when it was not served."""
    server = _running(settings)
    if name not in server.served or name == server.model:
        return False
    _post(server, "unload_lora_adapter", {"lora_name": name}, f"The adapter '{name}' cannot be unloaded")
    return True


def _running(settings: Settings) -> Server:
    found = status(settings)
    if isinstance(found, Server):
        return found
    raise ServerError(f"The {found}." if found else "The model server is not running.", "" if found else "Start it: atlas serve")


def _post(server: Server, route: str, body: dict[str, object], failed: str) -> None:
    import httpx

    try:
        answer = httpx.post(f"{server.url}/{route}", json=body, timeout=LOAD_SECONDS, trust_env=False)
    except httpx.HTTPError as exc:
        raise ServerError(f"{failed}: {exc}.", f"The server's log: {server.log}") from exc
    if answer.status_code == 404 and "error" not in answer.text:
        raise ServerError(
            f"{failed}: the server was started without adapters.",
            'Set serve.lora = "on" and start it again: atlas serve --stop, atlas serve',
        )
    if answer.status_code != 200:
        raise ServerError(f"{failed}: {_reason(answer.text)}", f"The server's log: {server.log}")


def _reason(text: str) -> str:
    import json

    try:
        return str(json.loads(text)["error"]["message"]).strip()
    except (ValueError, KeyError, TypeError):
        return text.strip()[:300]
