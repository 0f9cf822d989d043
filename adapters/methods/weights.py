"""What the methods that change the base's own parameters have in common (full, partial, BitFit): values swapped in and out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from adapters.method import Method, Model, Options, Route
from adapters.methods import files
from rag.errors import ModelError


@dataclass(frozen=True, slots=True)
class Tuned:
    """Kept on the model: the base's values of what is trained (`originals`), and the biases that the base did not have (`added`)."""

    options: Options
    originals: dict[str, Any]
    added: tuple[str, ...]


class WeightsMethod(Method):
    """Subclasses say which parameters are trained; the base's values of those are kept in memory, for `disabled`."""

    routes: tuple[Route, ...] = ("merged", "in-process")

    def trained(self, model: Model, options: Any) -> Sequence[str]:
        """Names of the base's parameters that are trained. Raises ModelError when there are none."""
        raise NotImplementedError

    def missing_biases(self, model: Model, options: Any) -> Sequence[str]:
        """Names of biases to add, of linear modules that have none."""
        return ()

    def attach(self, model: Model, options: Any) -> Model:
        base, added = files.describe_base(model), tuple(self.missing_biases(model, options))
        names = {*self.trained(model, options)}
        originals = {name: value.detach().clone() for name, value in model.named_parameters() if name in names}
        model.requires_grad_(False)
        for name in added:
            _add_bias(model, name)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in names or name in added)
        model._atlas_tuned = Tuned(options, originals, added)
        files.remember_base(model, base)
        return model

    def save(self, model: Model, folder: Path) -> None:
        tuned = _tuned(model)
        config = {
            "method": self.name,
            "options": tuned.options.model_dump(),
            "added": list(tuned.added),
            "base_model_name_or_path": files.plain_name(model),
        }
        files.write(model, folder, _values(model), config)

    def load(self, model: Model, folder: Path, *, trainable: bool = False) -> Model:
        import torch

        config = files.read_own_config(folder, name=self.name)
        files.check_base(model, folder, name=self.name)
        found = files.read_tensors(folder / files.WEIGHTS)
        tuned = self.attach(model, self.Options.model_validate(config["options"]))
        try:
            files.check_tensors(found, _values(tuned), folder, name=self.name)
        except ModelError:
            for name in _tuned(tuned).added:
                tuned.get_submodule(name.rpartition(".")[0]).register_parameter("bias", None)
            raise
        with torch.no_grad():
            for name, parameter in _values(tuned).items():
                parameter.copy_(found[name])
        return tuned if trainable else tuned.requires_grad_(False).eval()

    @contextmanager
    def disabled(self, model: Model) -> Iterator[None]:
        """Added biases are taken away, not set to zero: a sum with zero may be computed by another kernel and round differently."""
        tuned, values = _tuned(model), _values(model)
        mine = {name: values[name].data for name in tuned.originals}
        for name, original in tuned.originals.items():
            values[name].data = original.to(values[name].device)
        for name in tuned.added:
            model.get_submodule(name.rpartition(".")[0]).register_parameter("bias", None)
        try:
            yield
        finally:
            for name, value in mine.items():
                values[name].data = value
            for name in tuned.added:
                model.get_submodule(name.rpartition(".")[0]).register_parameter("bias", values[name])

    def merge(self, model: Model) -> Model:
        """The weights are in the model already: the base's own are forgotten."""
        del model._atlas_tuned
        return model


def _tuned(model: Model) -> Tuned:
    return cast(Tuned, model._atlas_tuned)


def _values(model: Model) -> dict[str, Any]:
    tuned = _tuned(model)
    return {name: value for name, value in model.named_parameters() if name in tuned.originals or name in tuned.added}


def _add_bias(model: Model, name: str) -> None:
    import torch

    linear = model.get_submodule(name.rpartition(".")[0])
    linear.bias = torch.nn.Parameter(torch.zeros(linear.out_features, dtype=linear.weight.dtype, device=linear.weight.device))
