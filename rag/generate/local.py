"""Generation in this process, with transformers: for machines without vLLM, and for adapters that vLLM cannot serve."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from rag.errors import ModelError
from rag.generate.generator import Usage
from rag.generate.stop import StopFilter
from rag.models.precision import fastest, fits_in_float32
from rag.models.quiet import quiet
from rag.progress import Progress, silent
from rag.registry import Part, Registry
from rag.types import Decoding, Message

if TYPE_CHECKING:
    from rag.models.folder import ModelFolder
    from rag.models.tokenizer import Tokenizer
    from rag.settings import Settings


CONFIG = "adapter_config.json"


class AdapterLoader(Protocol):
    """Puts the adapter in `folder` on a bare model."""

    def attach(self, model: Any, folder: Path) -> Any:
        """The model with the adapter active. Raises ModelError when it does not fit."""


LOADERS: Registry[AdapterLoader] = Registry("adapter loader", {"method": Part("adapters.attach:ByMethod")})
"""For adapters that are not peft's LoRA: who trained them loads them. A name only, as `rag` does not import `adapters`."""


class LocalGenerator:
    """One answer at a time: a second stream waits for the first, since both would share the same cores.

    An adapter is a folder, or a name in <home>/adapters. LoRA adapters share the base model's weights; every other kind gets a
    copy of the model to itself, since only LoRA leaves the base and its neighbours as they were for certain.
    """

    def __init__(self, settings: Settings, folder: ModelFolder) -> None:
        self.model = settings.generate.model
        self._settings = settings
        self._folder = folder
        self._weights: Any = None
        self._adapters: dict[str, str] = {}
        self._apart: dict[str, Any] = {}
        self._turn = threading.Lock()

    @classmethod
    def open(cls, settings: Settings, *, progress: Progress = silent) -> Self:
        from rag.models.folder import resolve

        return cls(settings, resolve(settings.generate.model, settings, progress=progress))

    async def stream(
        self, messages: Sequence[Message], decoding: Decoding, *, adapter: str | None = None
    ) -> AsyncGenerator[str | Usage, None]:
        """As the protocol says. Raises ModelError: the weights or the adapter cannot be loaded."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | Usage | Exception] = asyncio.Queue()
        cancelled = threading.Event()

        def put(item: str | Usage | Exception) -> None:
            if not cancelled.is_set():
                loop.call_soon_threadsafe(queue.put_nowait, item)

        def work() -> None:
            try:
                put(self._answer(messages, decoding, adapter, put, cancelled))
            except Exception as exc:  # it belongs to the reader of the stream
                put(exc)

        thread = threading.Thread(target=work, name="generate", daemon=True)
        thread.start()
        try:
            while True:
                item = await queue.get()
                if isinstance(item, Exception):
                    raise item
                yield item
                if isinstance(item, Usage):
                    return
        finally:
            cancelled.set()

    def count_tokens(self, text: str) -> int:
        return self._tokenizer.count(text)

    async def ready(self) -> str:
        """Always empty: the weights load with the first question, in seconds."""
        return ""

    async def close(self) -> None:
        """Let go of the weights."""
        self._weights, self._adapters, self._apart = None, {}, {}

    def likeliest(self, messages: Sequence[Message], *, adapter: str | None = None, top: int = 20) -> dict[int, float]:
        """Token id -> log-probability (nats) of the likeliest first tokens of an answer. Blocks; raises ModelError, as `stream`."""
        import torch

        with self._turn:
            tokenizer, weights = self._loaded()
            with torch.inference_mode(), self._adapted(weights, adapter) as adapted:
                logits = adapted(**_prompt(tokenizer, messages, weights.device)).logits[0, -1]
            best = torch.log_softmax(logits.float(), dim=-1).topk(min(top, len(logits)))
        return dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))

    def _answer(
        self, messages: Sequence[Message], decoding: Decoding, adapter: str | None, put: Callable[[str], None], cancelled: threading.Event
    ) -> Usage:
        """In the thread: write the pieces by `put`, return the counts."""
        import torch

        with self._turn:
            if cancelled.is_set():
                return Usage(0, 0, "stop")
            tokenizer, weights = self._loaded()
            prompt = _prompt(tokenizer, messages, weights.device)
            stop = StopFilter(decoding.stop)
            streamer = _streamer(tokenizer, lambda text: put(shown) if (shown := stop.feed(text)) else None)
            with torch.inference_mode(), torch.random.fork_rng(), self._adapted(weights, adapter) as adapted:
                torch.manual_seed(decoding.seed)
                ended_early = [lambda *_: cancelled.is_set() or stop.stopped]
                forbidden = self._tokenizer.beginning_with(decoding.forbidden) if decoding.forbidden else ()
                options = _options(weights, decoding, forbidden) | _biased(decoding, prompt["input_ids"].shape[1])
                output = adapted.generate(**prompt, **options, streamer=streamer, stopping_criteria=ended_early)
            if rest := stop.rest():
                put(rest)
        answer = output[0, prompt["input_ids"].shape[1] :]
        ended = stop.stopped or int(answer[-1]) in _ends(weights)
        return Usage(int(prompt["input_ids"].shape[1]), len(answer), "stop" if ended else "length")

    def _loaded(self) -> tuple[Any, Any]:
        if self._weights is None:
            self._weights = self._read()
        return self._weights[0], self._weights[1]

    def _read(self) -> tuple[Any, Any]:
        """The tokenizer and the bare model."""
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        quiet()
        torch.set_num_threads(self._settings.cpu_threads)
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        dtype = fastest(device) if device == "cpu" and fits_in_float32(self._folder.path) else torch.bfloat16
        try:
            tokenizer = AutoTokenizer.from_pretrained(self._folder.path)
            weights: Any = AutoModelForCausalLM.from_pretrained(self._folder.path, dtype=dtype)
        except (OSError, ValueError) as exc:
            reason = str(exc).splitlines()[0]
            raise ModelError(f"{self._folder.path} cannot be loaded: {reason}", "Check it: atlas models verify") from exc
        return tokenizer, weights.to(torch.device(device)).eval()

    @contextmanager
    def _adapted(self, weights: Any, adapter: str | None) -> Iterator[Any]:
        """The model with that adapter active, or with none."""
        if adapter is None:
            if self._adapters:
                with weights.disable_adapter():
                    yield weights
            else:
                yield weights
            return
        folder = Path(adapter) if (Path(adapter) / CONFIG).is_file() else self._settings.home / "adapters" / adapter
        if not (folder / CONFIG).is_file():
            raise ModelError(f"There is no adapter '{adapter}': {folder} has no {CONFIG}.", "Load one: atlas adapters load NAME")
        yield self._with_lora(weights, folder) if _is_lora(folder) else self._copy_with(folder)

    def _copy_with(self, folder: Path) -> Any:
        """A model of its own with that adapter."""
        key = str(folder.resolve())
        if key not in self._apart:
            self._apart[key] = LOADERS.load("method")().attach(self._read()[1], folder).eval()
        return self._apart[key]

    def _with_lora(self, weights: Any, folder: Path) -> Any:
        from peft import PeftModel

        key = str(folder.resolve())
        if key not in self._adapters:
            name = f"adapter{len(self._adapters)}"
            try:
                if self._adapters:
                    weights.load_adapter(key, adapter_name=name)
                else:
                    weights = PeftModel.from_pretrained(weights, key, adapter_name=name).eval()
            except (OSError, ValueError, RuntimeError, KeyError) as exc:
                reason = str(exc).splitlines()[0]
                raise ModelError(f"The adapter {folder} does not fit {self.model}: {reason}", "Train it on this model.") from exc
            self._adapters[key] = name
            self._weights = self._weights[0], weights
        weights.set_adapter(self._adapters[key])
        return weights

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        from rag.models.tokenizer import Tokenizer

        return Tokenizer(self._folder.path)


def _prompt(tokenizer: Any, messages: Sequence[Message], device: Any) -> Any:
    spoken = [{"role": message.role, "content": message.content} for message in messages]
    return tokenizer.apply_chat_template(spoken, add_generation_prompt=True, return_tensors="pt", return_dict=True).to(device)


def _is_lora(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / CONFIG).read_text(encoding="utf-8")).get("peft_type") == "LORA")
    except (OSError, ValueError, AttributeError) as exc:
        raise ModelError(f"{folder / CONFIG} cannot be read ({exc}).", "Train the adapter again, or import it again.") from exc


def _streamer(tokenizer: Any, put: Callable[[str], None]) -> Any:
    from transformers import TextStreamer

    class Pieces(TextStreamer):
        """Decodes as tokens come; text is given out once no later token can change it."""

        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            if text:
                put(text)

    return Pieces(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _options(weights: Any, decoding: Decoding, forbidden: Sequence[int] = ()) -> dict[str, Any]:
    """Everything is set: what the model's own file says beside the end tokens (a repetition penalty, top_k) the server ignores, too."""
    from transformers import GenerationConfig

    drawn = {"temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0} if decoding.temperature > 0 else {}
    own = weights.generation_config
    config: Any = GenerationConfig(  # type: ignore[no-untyped-call]
        max_new_tokens=decoding.max_tokens,
        do_sample=bool(drawn),
        repetition_penalty=1.0,
        bos_token_id=own.bos_token_id,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id if own.pad_token_id is not None else min(_ends(weights)),
        bad_words_ids=[[token] for token in forbidden] or None,
        **drawn,
    )
    return {"generation_config": config}


def _biased(decoding: Decoding, length: int) -> dict[str, Any]:
    """Adds the bias to the first token after a prompt of `length` tokens."""
    if not decoding.bias:
        return {}

    def processor(ids: Any, scores: Any) -> Any:
        if ids.shape[1] == length:
            for token, value in decoding.bias:
                scores[:, token] += value
        return scores

    return {"logits_processor": [processor]}


def _ends(weights: Any) -> set[int]:
    ends = weights.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}
