"""The model hub: asked first when it can be reached; not reaching it is a normal state."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from rag.errors import ModelError
from rag.progress import Progress, silent

KEEP = ["*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "LICENSE*", "*/config.json", "*/*.safetensors"]
LEAVE = ["onnx/*", "openvino/*", "original/*", "coreml/*", "*.pth", "training_args*"]
"""Safetensors only: no pickled weights."""


class HubUnreachable(Exception):
    """There is no way to the hub now."""


@cache
def reachable(timeout: float) -> bool:
    """One HEAD request; remembered for the life of the process. False at once under HF_HUB_OFFLINE."""
    import httpx
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return False
    try:
        return httpx.head(constants.ENDPOINT, timeout=timeout, follow_redirects=True).status_code < 500
    except (httpx.HTTPError, OSError):
        return False


def commit(repo: str, timeout: float) -> str:
    """The commit that the repository's main branch is at. Raises HubUnreachable, or ModelError when there is no such repository."""
    if not reachable(timeout):
        raise HubUnreachable(repo)
    from huggingface_hub import HfApi, constants

    with _translated(repo):
        return str(HfApi(endpoint=constants.ENDPOINT).model_info(repo, timeout=timeout).sha)


def download(repo: str, revision: str, folder: Path, *, progress: Progress = silent) -> None:
    """The repository's safetensors, configuration and tokenizer into `folder`; resumes files that are there in part."""
    from huggingface_hub import constants, snapshot_download

    with _translated(repo):
        snapshot_download(
            repo,
            revision=revision,
            local_dir=folder,
            allow_patterns=KEEP,
            ignore_patterns=LEAVE,
            endpoint=constants.ENDPOINT,
            tqdm_class=_reporting_to(progress, f"downloading {repo} from the hub (MB)"),
        )
    if not any(folder.glob("*.safetensors")):
        raise ModelError(f"'{repo}' has no safetensors weights.", "Choose a model that has them: pickled weights are not read.")


def _reporting_to(progress: Progress, stage: str) -> type[Any]:
    """A tqdm that draws nothing: its bars of bytes call `progress`, its bar of files is left out."""
    from tqdm.auto import tqdm  # type: ignore[import-untyped]

    class Reporting(tqdm):  # type: ignore[misc]
        def display(self, *args: Any, **kwargs: Any) -> bool:
            if self.unit == "B" and self.n:
                progress(stage, int(self.n) >> 20, int(self.total or 0) >> 20)
            return True

        def close(self) -> None:
            self.leave = True  # tqdm then shows the end through `display` and clears nothing
            self.fp = io.StringIO()
            super().close()

    return Reporting


@contextmanager
def _translated(repo: str) -> Iterator[None]:
    """The hub library's errors, and its transport's, as ours."""
    import httpx
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        yield
    except GatedRepoError as exc:
        raise ModelError(f"'{repo}' needs its licence to be accepted on the hub.", "Accept it there, then log in: hf auth login") from exc
    except (RepositoryNotFoundError, HFValidationError) as exc:
        raise ModelError(f"The hub has no model '{repo}' (or it is private).", "Check the spelling, or log in: hf auth login") from exc
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError, ConnectionError, TimeoutError) as exc:
        raise HubUnreachable(f"{repo}: {exc}") from exc


def cached(repo: str) -> tuple[Path, str] | None:
    """A snapshot that another program left in the hub's own cache, and its commit; None when there is none that is complete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = Path(snapshot_download(repo, local_files_only=True))
    except (LocalEntryNotFoundError, FileNotFoundError):
        return None
    complete = (path / "config.json").is_file() and any(path.glob("*.safetensors"))
    return (path, path.name) if complete else None
