"""The figures as tables for people."""

from collections.abc import Mapping

from ml.benchmark.runs import Results
from ml.evaluation import MODEL

REST = ("coverage", "seconds", "peak_memory_mb")


def print_results(results: Results, *, counts: Mapping[str, int]) -> None:
    """Print every method's means, best first, then how sure the model's are, and where they come from."""
    print(
        f"\n{counts['training_events']:,} training events of {counts['users']:,} users on "
        f"{counts['items']:,} items; {counts['judged_users']:,} users judged on "
        f"{counts['test_items']:,} items"
    )
    leading = f"ndcg@{results.ks[-1]}"
    order = sorted(results.rows, key=lambda method: -results.rows[method][leading])
    metrics = [name for k in results.ks for name in (f"hit@{k}", f"recall@{k}", f"ndcg@{k}")]
    print(table({name: results.rows[name] for name in order}, metrics=[*metrics, *REST]))
    print("Seconds and memory are of the fit, with the choice of settings within the training part.")
    if len(results.seeds) > 1:
        print(f"{MODEL} and random are means over the seeds {', '.join(results.seeds)}.")
    for metric in metrics:
        (low, high), (less, more) = results.intervals[MODEL][metric], results.ahead[metric]
        print(
            f"{metric:<10} of {MODEL}: {low:.4f} to {high:.4f} (95 %, over users); against "
            f"{results.best[metric]}, the best baseline: {less:+.4f} to {more:+.4f}"
        )
    for name, reason in results.left_out.items():
        print(f"{name} left out: {reason}")
    parts = {
        name: {part: rows[name][f"ndcg@{results.ks[0]}"] for part, rows in results.segments.items()}
        for name in order
    }
    print(f"\nndcg@{results.ks[0]} by part of the test")
    print(table(parts, metrics=list(results.segments)))


def print_cold(sections: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Print what each method does for items and users held out whole."""
    for title, rows in sections.items():
        print(f"\n{title}")
        print(table(rows, metrics=list(next(iter(rows.values())))) if rows else "too few to judge")


def table(rows: Mapping[str, Mapping[str, float]], *, metrics: list[str]) -> str:
    """Aligned text, a method a line."""
    width = max(len(method) for method in rows)
    heads = {name: name.replace("peak_memory_mb", "peak MB") for name in metrics}
    lines = [f"{'method':<{width}} " + " ".join(f"{heads[name]:>9}" for name in metrics)]
    for method, row in rows.items():
        cells = (f"{row[name]:>9.{_digits(name)}f}" for name in metrics)
        lines.append(f"{method:<{width}} " + " ".join(cells))
    return "\n".join(lines)


def _digits(name: str) -> int:
    return {"seconds": 2, "peak_memory_mb": 0}.get(name, 4)
