"""An adapter's folder: weights in safetensors, configuration in JSON, and the base's parameter names and shapes to check against."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adapters.method import Model
from rag.errors import ModelError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"  # both are peft's names, which vLLM reads too
BASE = "base.json"
LAYER = re.compile(r"\.(\d+)\.")

Shapes = Mapping[str, Sequence[int]]
"""Parameter name -> shape."""
_REMEMBERED = "_atlas_base"


def remember_base(model: Model, base: Mapping[str, Any]) -> None:
    """Keep on the tuned model what `describe_base` said of the bare one: `write` needs it."""
    setattr(model, _REMEMBERED, dict(base))


def describe_base(model: Model) -> dict[str, Any]:
    """What an adapter presupposes of its base: type, name and the shape of every parameter. Ask before attaching."""
    shapes = {name: list(parameter.shape) for name, parameter in model.named_parameters()}
    return {"name": plain_name(model), "model_type": model.config.model_type, "parameters": shapes}


def plain_name(model: Model) -> str:
    """The hub id, or the folder's own name: a path of this machine means nothing on another."""
    name = str(getattr(model, "name_or_path", "") or "")
    return Path(name).name if Path(name).is_absolute() or Path(name).is_dir() else name


def write(model: Model, folder: Path, tensors: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """All three files; the same tensors and configuration give the same bytes. The folder is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, tensors)
    write_json(folder / CONFIG, config)
    if base := getattr(model, _REMEMBERED, None):
        write_json(folder / BASE, base)


def write_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    from safetensors.torch import save_file

    ready = {name: tensors[name].detach().cpu().contiguous().clone() for name in sorted(tensors)}  # clone: no shared memory allowed
    save_file(ready, str(path), metadata={"format": "pt"})


def write_json(path: Path, value: Any) -> None:
    plain = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=lambda each: sorted(each))  # sets: in no order
    path.write_text(plain + "\n", encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """Raises ModelError when it is missing or is not JSON."""
    return read_json(folder / CONFIG)


def read_tensors(path: Path) -> dict[str, Any]:
    """Name -> tensor, on the CPU. Raises ModelError when the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(str(path), device="cpu"))
    except (OSError, SafetensorError) as exc:
        raise ModelError(f"The adapter's weights {path} cannot be read ({exc}).", "Train the adapter again or copy it again.") from exc


def check_base(model: Model, folder: Path, *, name: str) -> None:
    """Raises ModelError listing every parameter in which the bare `model` differs from the base that the adapter was made for.

    A folder without base.json (made by peft alone) passes: then only its own tensors are compared.
    """
    if not (folder / BASE).exists():
        return
    wanted, here = read_json(folder / BASE), describe_base(model)
    problems = differences(wanted["parameters"], here["parameters"])
    if wanted["model_type"] != here["model_type"]:
        problems.insert(0, f"the architecture is {wanted['model_type']} there, {here['model_type']} here")
    refuse(problems, folder, what=f"'{name}' adapter for the base '{wanted['name']}'")


def check_tensors(found: Mapping[str, Any], expected: Mapping[str, Any], folder: Path, *, name: str) -> None:
    """Raises ModelError listing every tensor of the folder (`found`) that is not as this base needs it (`expected`)."""
    shapes = [{key: list(tensor.shape) for key, tensor in each.items()} for each in (found, expected)]
    refuse(differences(*shapes), folder, what=f"'{name}' adapter")


def refuse(problems: Sequence[str], folder: Path, *, what: str) -> None:
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise ModelError(
            f"The {what} in {folder} does not fit this base model ({len(problems)} mismatches, * = layers):\n{listed}",
            "\nUse the base model that it was trained on.",
        )


def differences(there: Shapes, here: Shapes) -> list[str]:
    """One line per mismatch; the same one in many layers is one line that names the layers. Empty = they fit."""
    grouped: dict[tuple[str, str], list[int]] = {}
    for name in sorted({*there, *here}, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]):
        if (a := there.get(name)) is not None and (b := here.get(name)) is not None:
            what = f"{list(a)} there, {list(b)} here" if list(a) != list(b) else ""
        else:
            what = f"{list(there[name])} there, missing here" if name in there else f"{list(here[name])} here, missing there"
        if what:
            layer = LAYER.search(name)
            pattern = name if layer is None else f"{name[: layer.start()]}.*.{name[layer.end() :]}"
            grouped.setdefault((pattern, what), []).extend([int(layer[1])] if layer else [])
    return [f"{pattern}{_layers(layers)}: {what}" for (pattern, what), layers in grouped.items()]


def _layers(numbers: Sequence[int]) -> str:
    """ " (layers 0-3, 5)" of [0, 1, 2, 3, 5]; "" of none."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    said = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return f" (layers {said})" if said else ""


def read_json(path: Path) -> dict[str, Any]:
    """Raises ModelError when the file is missing or is not a JSON object."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise TypeError("not an object")
    except (OSError, ValueError, TypeError) as exc:
        raise ModelError(f"{path} cannot be read ({exc}).", "Train the adapter again or copy it again.") from exc
    return value


def read_own_config(folder: Path, *, name: str) -> dict[str, Any]:
    """The configuration that the method `name` of ours saved. Raises ModelError when it is another method's."""
    config = read_config(folder)
    if config.get("method") != name:
        said = config.get("method") or config.get("peft_type")
        raise ModelError(f"{folder} holds an adapter of {said}, not of '{name}'.", "Load it with its own method.")
    return dict(config)
