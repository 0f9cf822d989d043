"""What the methods that peft implements have in common: only their configuration differs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from adapters.method import Method, Model
from adapters.methods import files
from adapters.methods.layers import dtype_of
from rag.errors import ModelError

ADAPTER = "default"
"""peft's own name for the only adapter of a model; it is not saved."""


class PeftMethod(Method):
    """Subclasses give `config`; `kind` is peft's name of the method as it stands in the saved configuration."""

    kind: ClassVar[str]

    def config(self, model: Model, options: Any) -> Any:
        """peft's configuration for this base. Raises ModelError where the base lacks what the options ask for."""
        raise NotImplementedError

    def attach(self, model: Model, options: Any) -> Model:
        return self._wrapped(model, self.config(model, options), files.describe_base(model))

    def before_training(self, model: Model, folder: Path) -> None:
        """What is to be done to the bare base before a saved adapter is trained on."""

    def save(self, model: Model, folder: Path) -> None:
        tensors = _state(model)
        config = model.peft_config[ADAPTER].to_dict() | {"inference_mode": True}
        files.write(model, folder, tensors, config | {"base_model_name_or_path": files.plain_name(model.get_base_model())})

    def load(self, model: Model, folder: Path, *, trainable: bool = False) -> Model:
        from peft import set_peft_model_state_dict

        config = self.read(folder)
        files.check_base(model, folder, name=self.name)
        config.inference_mode = not trainable
        found, base = files.read_tensors(folder / files.WEIGHTS), files.describe_base(model)
        if trainable:
            self.before_training(model, folder)
        try:
            wrapped = self._wrapped(model, config, base)
        except ModelError as exc:  # none of its modules is there
            files.refuse([*files.differences(_shapes(found), {}), exc.what], folder, what=f"'{self.name}' adapter")
            raise
        if problems := self.mismatches(wrapped, found, folder):
            if not wrapped.peft_config[ADAPTER].is_prompt_learning:
                wrapped.unload()  # the base is as it was
            files.refuse(problems, folder, what=f"'{self.name}' adapter")
        set_peft_model_state_dict(wrapped, found)
        return wrapped if trainable else wrapped.requires_grad_(False).eval()

    def disabled(self, model: Model) -> AbstractContextManager[Any]:
        context: AbstractContextManager[Any] = model.disable_adapter()
        return context

    def merge(self, model: Model) -> Model:
        if "merged" not in self.routes:
            return super().merge(model)
        try:
            return model.merge_and_unload(safe_merge=True)
        except ValueError as exc:
            raise ModelError(f"The '{self.name}' adapter cannot be merged: {exc}.", "Train it again with a lower learning rate.") from exc

    def read(self, folder: Path) -> Any:
        """The saved configuration. Raises ModelError when it is another method's."""
        from peft import PeftConfig

        values = files.read_config(folder)
        if values.get("peft_type") != self.kind:
            said = values.get("peft_type") or values.get("method") or "no method"
            raise ModelError(f"{folder} holds an adapter of {said}, not of '{self.name}' ({self.kind}).", "Load it with its own method.")
        config = PeftConfig.from_pretrained(str(folder))
        config.base_model_name_or_path = None  # peft warns that the base has another path here; `check_base` compares what matters
        return config

    def mismatches(self, model: Model, found: Mapping[str, Any], folder: Path) -> list[str]:
        """Where the tensors of the folder are not those of this wrapped model; empty = they fit."""
        return files.differences(_shapes(found), _shapes(self.expected(model)))

    def expected(self, model: Model) -> Mapping[str, Any]:
        """Name -> tensor that a folder for this wrapped model must hold."""
        return _state(model)

    def _wrapped(self, model: Model, config: Any, base: Mapping[str, Any]) -> Model:
        """`base`: what `files.describe_base` said before anything was done to the model."""
        from peft import get_peft_model

        dtype = dtype_of(model)
        try:
            wrapped: Model = get_peft_model(model, config, autocast_adapter_dtype=False)
        except (ValueError, OSError) as exc:  # OSError: prompt tuning's tokenizer
            raise ModelError(
                f"'{self.name}' does not fit {type(model).__name__}: {exc}", "Choose other options or another method."
            ) from exc
        for parameter in wrapped.parameters():
            if parameter.requires_grad:  # peft makes prompts, and adapters of a quantised base, in float32
                parameter.data = parameter.data.to(dtype)
        files.remember_base(wrapped, base)
        return wrapped


def _state(model: Model) -> Mapping[str, Any]:
    from peft import get_peft_model_state_dict

    # Left to itself peft asks the hub whether the vocabulary has grown, and warns of ranks that AdaLoRA has pruned to nothing.
    tensors: Mapping[str, Any] = get_peft_model_state_dict(model, state_dict=model.state_dict(), save_embedding_layers=False)
    return tensors


def _shapes(tensors: Mapping[str, Any]) -> dict[str, list[int]]:
    return {name: list(tensor.shape) for name, tensor in tensors.items()}
