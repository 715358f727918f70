"""One text query through the encoder: as it is served, over the whole context, by ONNX Runtime, in int8.

    python -m tests.bench.query_encoding                    the bundled encoder
    python -m tests.bench.query_encoding --model ViT-B-32   an open_clip architecture, random weights

ONNX Runtime is measured where it is installed (uv pip install onnx onnxruntime); the shop does not need it.
Beside each way stands its least cosine with what is served.
"""

import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

QUERIES = [
    " ".join(words)
    for words in product(
        ("navy", "red", "forest green"),
        ("striped", "plain", "dotted"),
        ("mug", "table lamp", "wool cushion", "running shoe"),
    )
]
Encode = Callable[[str], np.ndarray]


def measure(name: str, encode: Encode, *, served: np.ndarray | None = None) -> np.ndarray:
    """Print the time of a query and return the queries' vectors."""
    encode(QUERIES[0])
    times, vectors = [], []
    for query in QUERIES * 3:
        started = time.perf_counter()
        vectors.append(encode(query))
        times.append(1000 * (time.perf_counter() - started))
    found = np.stack(vectors)
    cosine = "" if served is None else f"   cosine {float((found * served).sum(axis=1).min()):.4f}"
    median, late = np.percentile(times, [50, 95])
    print(f"{name:24} p50 {median:7.2f} ms   p95 {late:7.2f} ms{cosine}", flush=True)
    return found


def measure_onnx(network: Any, *, tokenizer: Any, served: np.ndarray, threads: int) -> None:
    """Export the text tower, and measure it as it is and with its weights in int8."""
    import onnxruntime
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    class TextTower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.network.encode_text(tokens, normalize=True)

    torch.backends.mha.set_fastpath_enabled(False)  # it has no ONNX form
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        whole, small = Path(folder) / "text.onnx", Path(folder) / "int8.onnx"
        torch.onnx.export(
            TextTower().eval(), (tokenizer(["mug"]),), str(whole), input_names=["tokens"], dynamo=False
        )
        quantize_dynamic(whole, small, weight_type=QuantType.QInt8)
        for name, path in (("ONNX Runtime", whole), ("ONNX Runtime, int8", small)):
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            measure(
                name,
                lambda query, session=session: session.run(None, {"tokens": tokenizer([query]).numpy()})[0][
                    0
                ],
                served=served,
            )


def main() -> None:
    import open_clip
    import torch

    from ml import clip

    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="an open_clip architecture; the bundled one by default")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.model:
        network, _, preprocess = open_clip.create_model_and_transforms(options.model)
        tokenizer = open_clip.get_tokenizer(options.model)
        encoder = clip.Encoder(
            network, tokenizer=tokenizer, preprocess=preprocess, name="random", threads=options.threads
        )
    else:
        encoder = clip.load_encoder(threads=options.threads)
    served = measure("torch, as served", lambda query: encoder.encode_texts([query])[0])
    model: Any = encoder.model
    with torch.inference_mode():
        measure(
            "torch, whole context",
            lambda query: model.encode_text(encoder.tokenizer([query]), normalize=True)[0].numpy(),
            served=served,
        )
    try:
        measure_onnx(model, tokenizer=encoder.tokenizer, served=served, threads=options.threads)
    except ImportError as error:
        print(f"ONNX Runtime is not measured: {error}")


if __name__ == "__main__":
    main()
