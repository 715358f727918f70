"""manage.py train_clip: train a text and picture encoder, measure it and let it serve."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ml import clip
from recommender import content, encoder_training, encoder_versions
from recommender.encoder_training import CHECKPOINT, Start, Trained
from recommender.management.progress import counting_bar

OnProgress = Callable[[int, int], None]
SHOWN_EVERY = 100  # steps, for a log that nobody watches
FROM_SCRATCH, COMPACT, PRETRAINED = 1.5e-3, 5e-4, 2e-5  # learning rates by what training starts from


class Command(BaseCommand):
    help = (
        "Train an open_clip model on made products, on the shop's own or on a table with pictures, and"
        " register it; it serves when it is not below the encoder in use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        on = parser.add_argument_group("what to train on; made products by default")
        on.add_argument("--from-shop", action="store_true", help="The shop's own pictures and texts.")
        on.add_argument("--csv", type=Path, help="A table of products; a column split says train or test.")
        on.add_argument("--images", type=Path, help="The folder of the table's pictures, named by id.")
        on.add_argument("--products", type=int, default=4000, help="How many products to make, or at most.")
        on.add_argument("--held-out", type=int, default=400, help="How many of them only to evaluate on.")
        start = parser.add_argument_group("what to start from")
        start.add_argument(
            "--start",
            choices=("scratch", "current"),
            default="scratch",
            help="The compact model with random weights, or the encoder in use.",
        )
        start.add_argument(
            "--model", default="", help="An open_clip model instead, such as ViT-B-32, or a folder."
        )
        start.add_argument("--pretrained", default="", help="Its weights: a tag of the hub or a file.")
        parser.add_argument("--steps", type=int, default=1500)
        parser.add_argument("--epochs", type=float, help="Passes over the products, instead of --steps.")
        parser.add_argument("--batch-size", type=int, default=128)
        parser.add_argument("--lr", type=float, help="Default: by what training starts from.")
        parser.add_argument("--picture-weight", type=float, default=1.0, help="Of two views of one picture.")
        parser.add_argument("--seed", type=int, default=2026, help="Of the products and of the training.")
        parser.add_argument(
            "--resume", action="store_true", help="Go on from the checkpoint of a broken run."
        )
        parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ...")
        parser.add_argument("--out", type=Path, help="Only write this folder; register nothing.")
        parser.add_argument("--force", action="store_true", help="Overrule the promotion gate.")
        parser.add_argument(
            "--activate",
            choices=("auto", "never"),
            default="auto",
            help="auto: encode the products and serve; never: leave that to the admin.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with encoder_training.starting_point(
                start=options["start"],
                model=options["model"],
                pretrained=options["pretrained"],
                seed=options["seed"],
            ) as start:
                self._train(start, options)
        except (clip.EncoderUnavailable, ValueError) as error:  # a senseless option or table: one line
            raise CommandError(str(error)) from error

    def _train(self, start: Start, options: dict[str, Any]) -> None:
        training, held_out = self._examples(start, options)
        config = self._config(options, num_products=len(training))
        folder = options["out"] or settings.DATA_DIR / "clip"
        checkpoint = folder / CHECKPOINT
        if not options["resume"]:
            checkpoint.unlink(missing_ok=True)
        with tqdm(total=config["steps"], unit=" steps", desc="Training", disable=None) as bar:
            trained = encoder_training.train(
                start,
                training=training,
                held_out=held_out,
                config=config,
                checkpoint=checkpoint,
                compare=not options["out"],
                on_step=self._show(bar, steps=config["steps"]),
            )
        self._report(trained)
        if options["out"]:
            encoder_training.save(trained, options["out"])
            self.stdout.write(f"Saved in {folder}. CLIP_MODEL={folder} makes it the encoder of the settings.")
        else:
            self._register(trained, {**config, **_said(options)}, options)
        checkpoint.unlink(missing_ok=True)

    def _register(self, trained: Trained, config: dict[str, Any], options: dict[str, Any]) -> None:
        version = encoder_training.register(trained, config=config, force=options["force"])
        for reason in version.gate["reasons"]:
            self.stdout.write(f"{version}: {reason}")
        if version.status == encoder_versions.Status.REJECTED:
            raise CommandError(f"The promotion gate rejected {version}; the encoder in use serves on.")
        if options["activate"] == "never":
            self.stdout.write(f"{version} is registered; activate it in the admin.")
            return
        with counting_bar("Encoding", unit="products") as on_progress:
            content.embed_and_activate(version, on_progress=on_progress)
        self.stdout.write(self.style.SUCCESS(f"{version} reads texts and pictures from now on."))

    def _examples(self, start: Start, options: dict[str, Any]) -> tuple[Any, Any]:
        """Return the products to train on and those that are held out."""
        side, num_held_out = encoder_training.picture_side(start), options["held_out"]
        with counting_bar("Pictures", unit="pictures") as on_progress:
            if options["csv"]:
                return _of_table(options, side=side, on_progress=on_progress)
            if options["from_shop"]:
                examples = encoder_training.shop_examples(
                    side=side, limit=options["products"], seed=options["seed"], on_progress=on_progress
                )
                num_held_out = min(num_held_out, len(examples) // 4)
            else:
                examples = _made(options, side=side, on_progress=on_progress)
        if not 2 <= num_held_out <= len(examples) - 2:
            raise CommandError("--held-out must be at least 2 and leave at least 2 products to train on.")
        return examples.split(held_out=num_held_out)

    def _config(self, options: dict[str, Any], *, num_products: int) -> dict[str, Any]:
        steps = options["steps"]
        if options["epochs"]:
            steps = max(1, round(options["epochs"] * num_products / options["batch_size"]))
        return {
            "steps": steps,
            "batch_size": options["batch_size"],
            "lr": _usual_rate(options) if options["lr"] is None else options["lr"],
            "picture_weight": options["picture_weight"],
            "warmup_steps": min(100, max(1, steps // 10)),
            "seed": options["seed"],
            "device": options["device"],
        }

    def _show(self, bar: Any, *, steps: int) -> Callable[[int, float], None]:
        def show(step: int, loss: float) -> None:
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            if step % SHOWN_EVERY == 0:
                self.stdout.write(f"step {step} of {steps}, loss {loss:.3f}")

        return show

    def _report(self, trained: Trained) -> None:
        beside = "" if not trained.serving else "   in use"
        self.stdout.write(f"On {trained.num_held_out} products that it never saw:{beside}")
        for name, value in trained.metrics.items():
            other = f"   {trained.serving[name]:6.1%}" if trained.serving else ""
            self.stdout.write(f"  {name:<28} {value:6.1%}{other}")


def _usual_rate(options: dict[str, Any]) -> float:
    """Return the learning rate of what training starts from."""
    if options["model"]:
        return COMPACT if Path(options["model"]).is_dir() else PRETRAINED
    return FROM_SCRATCH if options["start"] == "scratch" else COMPACT


def _made(options: dict[str, Any], *, side: int, on_progress: OnProgress) -> Any:
    from ml.clip_examples import made_examples  # imports torch

    total = options["products"]
    return made_examples(
        num_products=total,
        seed=options["seed"],
        side=side,
        on_progress=lambda done: on_progress(done, total),
    )


def _of_table(options: dict[str, Any], *, side: int, on_progress: OnProgress) -> tuple[Any, Any]:
    """Return the table's training and test products; without a column split, the last ones are held out."""
    from ml.clip_tables import read_examples, read_table  # imports torch

    if options["images"] is None:
        raise CommandError("--csv needs --images, the folder of the pictures.")
    rows = read_table(options["csv"], images=options["images"])
    held_out = [row for row in rows if row.held_out] or rows[-min(options["held_out"], len(rows) // 4) :]
    chosen = {id(row) for row in held_out}
    parts = [row for row in rows if id(row) not in chosen][: options["products"]], held_out
    total = sum(map(len, parts))
    training = read_examples(parts[0], side=side, on_progress=lambda done: on_progress(done, total))[0]
    before = len(parts[0])
    other = read_examples(parts[1], side=side, on_progress=lambda done: on_progress(before + done, total))[0]
    return training, other


def _said(options: dict[str, Any]) -> dict[str, str]:
    """Return what the version's page tells of where its examples came from."""
    source = options["csv"] or ("the shop" if options["from_shop"] else "made products")
    return {"examples": str(source)}
