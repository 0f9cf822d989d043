"""Settings: one atlas.toml whose sections mirror the folders. Each field's description is its documentation.

`rag.configure.load` makes them from the command line, the environment and the file. Secrets never enter: only the *name*
of the environment variable that holds an API key does.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PROFILES: dict[str, dict[str, Any]] = {
    "default": {},
    "tiny": {"generate": {"model": "smollm2-135m-instruct"}},
}
"""A profile is a set of other defaults; it is data, like the defaults themselves."""


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class Models(Section):
    hub: bool = Field(True, description="Ask the model hub first. Without a network the packages are used anyway.")
    hub_timeout: float = Field(5.0, gt=0, description="Seconds to wait for the hub before going on without it.")


class Ingest(Section):
    chunk_tokens: int = Field(220, ge=16, le=4096, description="Largest chunk, in the embedder's tokens, header included.")
    overlap_tokens: int = Field(32, ge=0, description="Tokens shared by neighbouring chunks of one section.")
    ignore: tuple[str, ...] = Field(
        (), description="Patterns of files to leave out, as in .gitignore (an .atlasignore file in the folder works, too)."
    )
    max_file_mb: float = Field(50, gt=0, description="Larger files are reported and skipped.")
    reader_seconds: float = Field(20, gt=0, description="A reader may take this long for a file, and as long again per MB of it.")
    near_duplicate: float = Field(
        0.9, ge=0, le=1, description="Documents whose word shingles overlap this much (Jaccard) are indexed once; 1 = exact copies only."
    )


class Embed(Section):
    backend: Literal["sentence-transformers", "hash"] = Field(
        "sentence-transformers", description="`hash` needs no model and finds only shared words: for tests."
    )
    model: str = Field("multilingual-e5-small", description="A name of the catalogue, a folder, or a hub id.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    batch_size: int = Field(16, ge=1, description="Chunks per forward pass.")


class Index(Section):
    name: str = Field("default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="Which index to build and to ask.")
    store: Literal["faiss", "chroma", "milvus"] = Field(
        "faiss", description="Vector store. Chroma and Milvus run embedded, or as a server when `url` is set."
    )
    url: str = Field("", description="http://host:port of a Chroma or Milvus server; empty = embedded.")
    kind: Literal["auto", "exact", "hnsw", "ivf"] = Field(
        "auto", description="FAISS: auto = exact up to `exact_below` chunks, then HNSW, then IVF."
    )
    exact_below: int = Field(50_000, ge=0, description="FAISS, kind auto: exact search below this many chunks.")
    keep: int = Field(3, ge=1, description="Versions kept for rollback, the live one included.")


class Retrieve(Section):
    top_k: int = Field(8, ge=1, description="Hits handed to the context.")
    candidates: int = Field(50, ge=1, description="Hits taken from each half before fusion.")
    fusion: Literal["scores", "ranks"] = Field(
        "scores",
        description="How the halves are fused: scores = on fixed scales (better wherever we measured); ranks = reciprocal ranks.",
    )
    rrf_k: int = Field(60, ge=1, description="fusion ranks: constant of reciprocal rank fusion (Cormack et al. 2009).")
    lexical_weight: float = Field(1.0, ge=0, description="Weight of the BM25 half against the dense half (1 = equal, 0 = dense only).")
    reranker: str = Field("", description="Cross-encoder: catalogue name, folder or hub id; empty = none.")
    near_duplicate: float = Field(0.9, ge=0, le=1, description="A hit whose words overlap a better one this much is dropped; 1 = keep all.")
    join_neighbours: bool = Field(True, description="Join adjacent chunks of one document into one passage.")


class Context(Section):
    budget_tokens: int = Field(1200, ge=64, description="Tokens for passages, counted with the generator's tokenizer.")
    max_sources: int = Field(2, ge=1, description="Passages at most.")
    history_turns: int = Field(4, ge=0, description="Earlier turns of the conversation kept in the prompt.")
    few_shot: int = Field(3, ge=0, description="Examples in the ICL prompt, chosen by similarity from `examples`.")
    examples: tuple[str, ...] = Field(
        ("corpora/atlas/qa/train.en.jsonl", "corpora/atlas/qa/train.ru.jsonl"),
        description="QA pairs the ICL examples come from. Never the pairs you evaluate.",
    )
    abstain: bool = Field(
        True, description="Say that the corpus does not hold the answer when the evidence is weak (threshold: `atlas calibrate`)."
    )
    style: Literal["short", "full"] = Field("full", description="short: a phrase, as in QA test sets; full: one to three sentences.")


class Generate(Section):
    backend: Literal["vllm", "openai", "transformers", "scripted"] = Field(
        "vllm",
        description="vllm: a server managed by Atlas; openai: any compatible URL; transformers: in this process; scripted: for tests.",
    )
    model: str = Field(
        "qwen2.5-coder-0.5b-instruct",
        description="A name of the catalogue, a folder, or a hub id. With `openai`: the server's name for it.",
    )
    base_url: str = Field("", description="openai: http://host:port/v1 of the endpoint.")
    api_key_env: str = Field("OPENAI_API_KEY", description="openai: name of the environment variable that holds the key.")
    tokenizer: str = Field(
        "", description="openai: model or folder whose tokenizer counts tokens; empty = the model's own, else an estimate."
    )
    temperature: float = Field(0.0, ge=0, le=2, description="0 = always the likeliest token.")
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus sampling, when temperature > 0.")
    max_tokens: int = Field(200, ge=1, description="Longest answer.")
    seed: int = Field(0, description="Seed of sampling.")
    timeout: float = Field(120.0, gt=0, description="Seconds without a new token before giving up.")
    retries: int = Field(4, ge=0, description="Tries after a refused connection or a 5xx, with growing pauses, before the first token.")


class Serve(Section):
    host: str = Field("127.0.0.1", description="Address of the model server. Leave it on loopback unless you know who can reach it.")
    port: int = Field(8020, ge=1, le=65535, description="If something else holds it, the next free port is taken.")
    max_model_len: int = Field(4096, ge=256, description="Longest prompt plus answer.")
    max_num_seqs: int = Field(16, ge=1, description="Requests decoded together.")
    kv_cache_gb: float = Field(2.0, gt=0, description="Memory for the key-value cache on a CPU.")
    gpu_memory: float = Field(0.85, gt=0, le=1, description="Share of a GPU's memory that vLLM may take.")
    lora: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Let the server take LoRA adapters at run time. auto: on a GPU only, as a CPU gets slower by it even with none loaded.",
    )
    max_lora_rank: int = Field(32, ge=1, description="Largest rank it accepts.")
    max_adapters: int = Field(4, ge=1, description="Adapters that it takes at once.")
    adapters: Literal["auto", "vllm", "merged", "in-process"] = Field(
        "auto",
        description="How adapters are served. vllm: by the base model's server; merged: added to the weights, by a second server;"
        " in-process: by transformers; auto: by what was faster where we measured.",
    )
    start_timeout: float = Field(600.0, gt=0, description="Seconds to wait for the server to come up.")
    args: tuple[str, ...] = Field((), description="Further arguments for vLLM, as on its command line.")


class Train(Section):
    recipe: str = Field(
        "context",
        description="Training data: context, closed-book, text (the raw corpus), synthetic (only pairs of `atlas pairs make`), or several"
        " joined by +.",
    )
    method: str = Field("lora", description="How to tune: docs/methods.md has them all.")
    options: dict[str, Any] = Field({}, description="The method's own options, as { r = 16 }; docs/methods.md lists them.")
    qa: tuple[str, ...] = Field(
        ("corpora/atlas/qa/train.en.jsonl", "corpora/atlas/qa/train.ru.jsonl"), description="QA pairs to learn from."
    )
    style: Literal["short", "full", "both"] = Field(
        "both", description="Prompt style to train for, see context.style; both = half and half."
    )
    examples: int = Field(800, ge=1, description="Examples at most, spread over the pairs.")
    unanswerable: float = Field(
        0.1, ge=0, le=0.9, description="Share of questions that the corpus cannot answer; the target is the refusal."
    )
    absent: float = Field(0.03, ge=0, le=0.9, description="Share of questions whose passages were taken away; the target is the refusal.")
    over_refusal: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the held-back answerable questions that it may refuse: how readily it refuses is set by that after training.",
    )
    passages: int = Field(2, ge=1, description="Passages in the prompt at most, gold and hard negatives mixed.")
    together: int = Field(
        12, ge=1, description="Questions at most that get the same passages: their prompt is computed once. 1 = each its own."
    )
    validation: float = Field(0.1, gt=0, lt=0.5, description="Share of the documents held back to choose the best checkpoint.")
    epochs: float = Field(1.5, gt=0, description="Passes over the data.")
    minutes: float = Field(
        20.0, ge=0, description="Minutes of training at most: on a slow machine only as many steps are done as fit. 0 = all, however long."
    )
    validation_pairs: int = Field(32, ge=1, description="Held-back questions answered at each validation, at most.")
    learning_rate: float = Field(0.0, ge=0, description="Peak of AdamW's learning rate; 0 = the method's own.")
    warmup: float = Field(0.05, ge=0, lt=1, description="Share of the steps over which the learning rate rises; then it falls as a cosine.")
    batch_tokens: int = Field(1024, ge=64, description="Tokens per optimizer step at most.")
    patience: int = Field(3, ge=1, description="Stop after so many validations without a better one.")
    validations: int = Field(3, ge=1, description="Validations per training.")
    checkpoint_seconds: float = Field(120.0, gt=0, description="Save the state at least this often, to resume from.")
    seed: int = Field(0, description="Seed of the data, the fresh parameters and the order.")
    leakage: Literal["stop", "drop", "allow"] = Field(
        "stop", description="When training questions are nearly the same as the held-back ones: stop, drop those, or allow them."
    )


class Ui(Section):
    host: str = Field("127.0.0.1", description="Address of the chat page.")
    port: int = Field(7860, ge=1, le=65535, description="If it is taken, the next free port is.")
    language: Literal["auto", "en", "ru"] = Field("auto", description="Language of the page; auto = the browser's.")
    arms: tuple[str, ...] = Field(
        ("icl", "rag", "rag+lora"), description="Panes of the chat; those with an adapter appear as soon as one is loaded."
    )
    adapters: bool = Field(True, description="`atlas up` brings adapters into service: those loaded before, else the one that ships.")
    upload_mb: float = Field(50, gt=0, description="Largest file that may be uploaded to the corpus.")
    users: str = Field("", description="File of people who may log in (`atlas users add NAME`); empty = no login.")
    allow_anonymous: bool = Field(False, description="Let the page be reached from other machines without a login.")
    requests_per_minute: int = Field(
        240, ge=0, description="Questions, uploads and other work that one person or address may start a minute; 0 = no limit."
    )


class Settings(Section):
    """Everything that can be set. Frozen; made by `load`, never by hand outside tests."""

    home: Folder = Field(Path(".atlas"), description="Where models, indexes, runs and logs live.")
    profile: Literal["default", "tiny"] = Field("default", description="tiny: the smallest model, for tests and slow machines.")
    corpus: Folder = Field(Path("corpora/atlas"), description="Folder of documents to index.")
    qa: tuple[str, ...] = Field(
        ("corpora/atlas/qa/dev.en.jsonl", "corpora/atlas/qa/dev.ru.jsonl"), description="QA pairs that `atlas calibrate` uses by default."
    )
    threads: int = Field(0, ge=0, description="CPU threads for embedding and in-process models; 0 = all cores.")
    models: Models = Models()
    ingest: Ingest = Ingest()
    embed: Embed = Embed()
    index: Index = Index()
    retrieve: Retrieve = Retrieve()
    context: Context = Context()
    generate: Generate = Generate()
    serve: Serve = Serve()
    train: Train = Train()
    ui: Ui = Ui()

    @property
    def cpu_threads(self) -> int:
        return self.threads or len(os.sched_getaffinity(0))


def fields() -> dict[str, tuple[Any, str]]:
    """Every dotted key with its default and its description, in file order."""
    found: dict[str, tuple[Any, str]] = {}
    for name, info in Settings.model_fields.items():
        if isinstance(info.default, Section):
            for key, inner in type(info.default).model_fields.items():
                found[f"{name}.{key}"] = (inner.default, inner.description or "")
        else:
            found[name] = (info.default, info.description or "")
    return found


def template() -> str:
    """atlas.toml as it ships: every key with its description and its default, commented out, so that a profile can still change it."""
    lines = [
        "# Settings of Atlas. Every key is here with its default: take the # away and change it.",
        "# Command line (--set section.key=value) > environment (ATLAS_SECTION__KEY) > this file > profile > default.",
        "# `atlas config` shows the values in force and where each came from.",
    ]
    section = ""
    for key, (default, description) in fields().items():
        name, dot, inner = key.partition(".")
        if dot and name != section:
            section = name
            lines += ["", f"[{section}]"]
        value = str(default) if isinstance(default, Path) else default
        lines += ["", f"# {description}", f"# {inner or name} = {json.dumps(value, ensure_ascii=False)}"]
    return "\n".join(lines) + "\n"
