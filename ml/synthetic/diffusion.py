"""Product pictures by Stable Diffusion, through diffusers, on CPU or CUDA."""

import os
from collections.abc import Mapping
from typing import Any

from PIL import Image

DEFAULT_MODEL = "stabilityai/sd-turbo"
GUIDANCE = 7.5
SETTING = "studio product photo, centred, plain light background, soft shadow"


class ModelUnavailableError(RuntimeError):
    """The diffusion model cannot be loaded; the message is one line with the cure."""


def prompt_of(name: str, *, category: str, attributes: Mapping[str, str]) -> str:
    """Return a prompt for a product: what it is, its looks, and the setting that all pictures share."""
    pattern = attributes.get("pattern", "")
    looks = [
        attributes.get("colour", "").lower(),
        attributes.get("material", "").lower(),
        f"{pattern.lower()} pattern" if pattern and pattern != "Plain" else "",
        f"{attributes['style'].lower()} style" if attributes.get("style") else "",
    ]
    return ", ".join(filter(None, [name, category, *looks, SETTING]))


def load_pipeline(model: str, *, device: str = "auto") -> Any:
    """Return a text-to-image pipeline from a folder or a hub name, on CUDA where there is one.

    HF_HUB_OFFLINE and the other settings of huggingface_hub are respected; telemetry is off.
    """
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["DISABLE_TELEMETRY"] = "1"
    # diffusers and torch take seconds to import: only this backend pays for them.
    import torch
    from diffusers import AutoPipelineForText2Image

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelUnavailableError("No CUDA device is to be seen here; give --device cpu.")
    dtype = torch.float16 if device.startswith("cuda") else torch.float32
    try:
        pipeline = AutoPipelineForText2Image.from_pretrained(model, dtype=dtype)
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(_cure(model, error=error)) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def draw(pipeline: Any, *, prompt: str, seed: int, steps: int) -> Image.Image:
    """Return one picture; the same pipeline, prompt, seed and steps give the same one on the same device."""
    # See load_pipeline.
    import torch

    # Turbo models are distilled to do without guidance.
    guidance = 0.0 if "turbo" in str(pipeline.config.get("_name_or_path", "")) else GUIDANCE
    generator = torch.Generator("cpu").manual_seed(seed)
    result = pipeline(prompt, num_inference_steps=steps, guidance_scale=guidance, generator=generator)
    return result.images[0].convert("RGB")


def _cure(model: str, *, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return (
        f"The diffusion model {model!r} could not be loaded ({reason}). Give --model the folder of a saved "
        "diffusers pipeline, or a hub name with network access and HF_HUB_OFFLINE unset; "
        "or use --backend drawn, which needs no model."
    )
