"""Merging: a full model folder with the adapter's weights added, checked against the unmerged model, kept per adapter and base."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from adapters import canary, said
from adapters.attach import method_of
from adapters.card import Card, Reference
from adapters.card import check as check_card
from adapters.store import Stored, find
from adapters.train.memory import release
from adapters.weights import open_weights
from rag.errors import ModelError
from rag.models import manifest
from rag.models.folder import ModelFolder, resolve
from rag.progress import Progress, silent
from rag.settings import Settings
from rag.types import content_id

FOLDER = "models-merged"
TOLERANCE = 0.3
"""Mean absolute difference of log-probability (nats) between merged (bfloat16) and unmerged, over the likeliest first tokens of the
canary prompts; and the share of prompts whose likeliest token must be the same (or nearly as likely)."""
TOP1 = 0.85
STEPS = 5
LEFT = (".safetensors", ".bin", ".gguf")


def served_name(name: str, sha256: str) -> str:
    """What a server calls the adapter: other weights never go by the same name."""
    return f"{name}@{sha256[:8]}"


def merge(name: str, settings: Settings, *, progress: Progress = silent) -> ModelFolder:
    """The merged model of that adapter, under the name that it is served by; made when it is not there.

    Raises ModelError: the adapter does not fit the base, cannot be merged, or merged and unmerged differ too much.
    """
    from filelock import FileLock

    stored = find(name, settings.home)
    card = Card.read(stored.folder)
    check_card(card, stored.folder, settings)
    if "merged" not in card.routes:
        raise ModelError(f"The adapter '{name}' ({card.method}) cannot be merged.", f"It can be served as: {', '.join(card.routes)}.")
    base = resolve(settings.generate.model, settings, progress=progress)
    root = settings.home / FOLDER
    root.mkdir(parents=True, exist_ok=True)
    place = root / f"{name}-{card.sha256[:8]}"
    revision = content_id(base.revision, card.sha256)
    with FileLock(root / ".lock"):
        if not _there(place, revision):
            _make(place, stored, card, base, settings, progress)
    return ModelFolder(served_name(name, card.sha256), place, revision)


def forget(name: str, settings: Settings, *, but: str = "") -> None:
    """Remove the merged models of that adapter, except the one of the weights `but` (a sha256)."""
    wanted = re.compile(re.escape(name) + r"-[0-9a-f]{8}")
    for place in (settings.home / FOLDER).glob(f"{name}-*"):
        if wanted.fullmatch(place.name) and (not but or place.name != f"{name}-{but[:8]}"):
            shutil.rmtree(place, ignore_errors=True)


def _there(place: Path, revision: str) -> bool:
    return (place / manifest.FILE).is_file() and manifest.read(place)["revision"] == revision


def _make(place: Path, stored: Stored, card: Card, base: ModelFolder, settings: Settings, progress: Progress) -> None:
    def step(done: int) -> None:
        progress(f"merging {stored.name}", done, STEPS)

    step(0)
    beside = place.with_name(f".{place.name}.{os.getpid()}.{secrets.token_hex(4)}")
    beside.mkdir()
    try:
        expected = _write(beside, stored, card, base, step)
        step(3)
        agreement = _checked(beside, stored, expected)
        step(4)
        canary.keep(expected, settings, sha256=card.sha256, revision=base.revision)
        facts = {
            "name": served_name(stored.name, card.sha256),
            "kind": "generator",
            "source": {"base": base.name, "base_revision": base.revision, "adapter": stored.name, "adapter_sha256": card.sha256},
            "agreement": {"mean": agreement.mean, "largest": agreement.largest, "top1": agreement.top1, "text": agreement.text},
            "revision": content_id(base.revision, card.sha256),
        }
        manifest.write(beside, facts)
        shutil.rmtree(place, ignore_errors=True)
        beside.rename(place)
        step(STEPS)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        release()  # for the server that is started next


def _write(folder: Path, stored: Stored, card: Card, base: ModelFolder, step: Any) -> Reference:
    """Save the merged model in bfloat16 beside the base's other files; returns what base and unmerged adapter say.

    That stands in the card of what was trained here: reading it again would take a minute.
    """
    import torch

    method = method_of(card)
    # Added in float32 and rounded once: in bfloat16 a small update would partly vanish in the rounding of the large weight.
    model, tokenizer = open_weights(base.path, exact=True)
    adapted = method.load(model, stored.folder).eval()
    expected = canary.in_card(card) or said.reference(adapted, method, tokenizer)
    step(1)
    merged = method.merge(adapted).to(torch.bfloat16)
    merged.config.dtype = torch.bfloat16
    merged.save_pretrained(str(folder))
    step(2)
    for path in base.path.iterdir():
        if path.is_file() and path.suffix not in LEFT and path.name not in (manifest.FILE, "config.json", "model.safetensors.index.json"):
            shutil.copyfile(path, folder / path.name)
    return expected


def _checked(folder: Path, stored: Stored, expected: Reference) -> said.Agreement:
    """How the merged folder, as it lies there, agrees with the unmerged model. Raises ModelError when it does not."""
    model, tokenizer = open_weights(folder)
    found = said.compare(said.read_model(model, tokenizer), expected.adapter, tie=TOLERANCE)
    if found.mean > TOLERANCE or found.top1 < TOP1:
        raise ModelError(
            f"The merged '{stored.name}' differs from the unmerged one: by {found.mean:.2f} nats on average (at most {TOLERANCE}),"
            f" and {found.top1:.0%} of the likeliest tokens are the same (at least {TOP1:.0%}).",
            "Serve it unmerged: serve.adapters = in-process.",
        )
    return found
