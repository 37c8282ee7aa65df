"""What the models that run on torch share: loading, placing, precision, identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibrator.encoders.checkpoints import Checkpoint
from vibrator.encoders.ports import EncoderConfig
from vibrator.encoders.registry import ways_out
from vibrator.errors import BadInput, ModelUnavailable
from vibrator.optional import need

HALF_ON_CPU = ("avx512_bf16", "amx_bf16")  # without these bf16 is emulated, and slower than fp32


def load_modules(checkpoint: Checkpoint, config: EncoderConfig) -> Any:
    """The SentenceTransformer of a model folder; its own code is never run."""
    library = need("sentence_transformers", extra="instructor")
    torn = need("safetensors", extra="instructor").SafetensorError
    try:
        with _no_progress():
            model = library.SentenceTransformer(
                str(checkpoint.folder), device=config.device, local_files_only=True
            )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, torn) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelUnavailable(
            f"{checkpoint.name} in {str(checkpoint.folder)!r} could not be loaded"
            f" ({type(error).__name__}: {reason}); {ways_out()}"
        ) from error
    _require_words(model, checkpoint)
    return model


def _require_words(model: Any, checkpoint: Checkpoint) -> None:
    # transformers makes an empty tokenizer where its files are missing, and every word is unknown.
    tokenizer: Any = getattr(model, "tokenizer", None)
    if not hasattr(tokenizer, "get_vocab"):
        return
    words = tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens)
    if not any(letter.isalnum() for word in words for letter in word):
        raise ModelUnavailable(
            f"{checkpoint.name} in {str(checkpoint.folder)!r} has no words in its tokenizer"
            f" (tokenizer.json is missing); {ways_out()}"
        )


def place(model: Any, config: EncoderConfig) -> Any:
    """The model ready to read: on its device, in its precision, out of training."""
    torch = need("torch", extra="instructor")
    if config.precision == "bf16":
        require_half(torch, str(config.device or next(model.parameters()).device))
        model[0].to(torch.bfloat16)
    elif config.precision != "fp32":
        raise BadInput(
            f"precision must be 'fp32' or 'bf16' on torch, got {config.precision!r};"
            " 'int8' needs backend='onnx'"
        )
    return model.to(config.device).eval() if config.device else model.eval()


def require_half(torch: Any, device: str) -> None:
    """Refuse bf16 on a CPU that would only emulate it."""
    able = torch.cpu.get_capabilities()
    if device.startswith("cpu") and not any(able.get(name) for name in HALF_ON_CPU):
        raise BadInput(
            "precision='bf16' needs a CPU with AVX512-BF16 or AMX, which this one has not:"
            " take 'fp32', or backend='onnx' with 'int8'"
        )


def modules_digest(model: Any) -> str:
    """Identity of loaded weights."""
    digest = hashlib.sha256()
    for name, weights in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(weights.shape)}{weights.dtype}".encode())
        digest.update(to_numpy(weights).tobytes())
    return digest.hexdigest()[:16]


def to_numpy(tensor: Any) -> NDArray[np.float32]:
    """The numbers, off the device."""
    return np.asarray(tensor.detach().float().cpu().numpy(), np.float32)


@contextmanager
def _no_progress() -> Iterator[None]:
    logging = need("transformers", extra="instructor").utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
