"""manage.py train_clip: train the compact text and picture encoder on made products."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml import clip

CHECKPOINT = "checkpoint.safetensors"


class Command(BaseCommand):
    help = "Train the compact open_clip model from scratch on made products, and save it as a folder."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--products", type=int, default=4000, help="How many products to make and draw.")
        parser.add_argument("--held-out", type=int, default=400, help="How many of them only to evaluate on.")
        parser.add_argument("--steps", type=int, default=1500)
        parser.add_argument("--epochs", type=float, help="Passes over the products, instead of --steps.")
        parser.add_argument("--batch-size", type=int, default=128)
        parser.add_argument("--seed", type=int, default=2026, help="Of the products and of the training.")
        parser.add_argument(
            "--out", type=Path, default=settings.DATA_DIR / "clip", help="The folder to write."
        )
        parser.add_argument("--resume", action="store_true", help="Go on from the checkpoint in the folder.")
        parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")

    def handle(self, *args: Any, **options: Any) -> None:
        # Importing torch and open_clip takes ten seconds, which no other command should pay for.
        import torch

        from ml.clip_training import ClipTrainConfig, evaluate, save_folder, train

        torch.manual_seed(options["seed"])  # of the first weights
        network, tokenizer, _ = clip.build(clip.BUNDLED)
        training, held_out = self._examples(options)
        steps = options["steps"]
        if options["epochs"]:
            steps = max(1, round(options["epochs"] * len(training) / options["batch_size"]))
        config = self._checked(
            ClipTrainConfig,
            steps=steps,
            batch_size=options["batch_size"],
            warmup_steps=min(100, max(1, steps // 10)),
            seed=options["seed"],
            device=options["device"],
        )
        checkpoint = options["out"] / CHECKPOINT
        if not options["resume"]:
            checkpoint.unlink(missing_ok=True)
        with tqdm(total=steps, unit=" steps", desc="Training", disable=None) as bar:

            def show(step: int, loss: float) -> None:
                bar.update(step - bar.n)
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                if step % config.checkpoint_every == 0:
                    self.stdout.write(f"step {step} of {steps}, loss {loss:.3f}")

            train(
                network,
                tokenizer=tokenizer,
                examples=training,
                config=config,
                checkpoint=checkpoint,
                on_progress=show,
            )
        metrics = evaluate(network, tokenizer=tokenizer, examples=held_out)
        save_folder(network, source=clip.BUNDLED, out=options["out"], metrics=metrics)
        checkpoint.unlink(missing_ok=True)
        self._report(metrics, num_held_out=len(held_out), out=options["out"])

    def _examples(self, options: dict[str, Any]) -> Any:
        from ml.clip_examples import made_examples  # imports torch

        if not 2 <= options["held_out"] <= options["products"] - 2:
            raise CommandError("--held-out must be at least 2 and leave at least 2 products to train on.")
        with tqdm(total=options["products"], unit=" pictures", desc="Drawing", disable=None) as bar:
            examples = self._checked(
                made_examples,
                num_products=options["products"],
                seed=options["seed"],
                on_progress=lambda done: bar.update(done - bar.n),
            )
        return examples.split(held_out=options["held_out"])

    def _checked(self, make: Any, **arguments: Any) -> Any:
        """Return what `make` makes; a senseless option is the caller's, and one line."""
        try:
            return make(**arguments)
        except ValueError as error:
            raise CommandError(str(error)) from error

    def _report(self, metrics: dict[str, float], *, num_held_out: int, out: Path) -> None:
        self.stdout.write(f"On {num_held_out} products that it never saw:")
        for name, value in metrics.items():
            self.stdout.write(f"  {name:<28} {value:6.1%}")
        self.stdout.write(
            f"Saved in {out}. To search with it, set CLIP_MODEL={out} and run manage.py embed_content."
        )
