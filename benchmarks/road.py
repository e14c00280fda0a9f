"""Times ROAD's imputation: ours by batches, pytorch-grad-cam's by images.

    python benchmarks/road.py [--images 2] [--size 224] [--width 6] [--rounds 3]

Seconds for the 18 images that ROAD makes of one: 10 to 90 % of the pixels removed, the most relevant
first and the least; by Layer-CAM's map, whose removed parts are large, and by a random one, speckle. The
forwards are not in it. Where `grad-cam` is installed, how far the two are apart stands beside them.
"""

import argparse
import statistics
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter, process_time

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor
from xaibench_metrics.faithfulness.imputation import impute
from xaibench_metrics.faithfulness.road import LEVELS

import xaibench
from xaibench.api.batch import Preprocess
from xaibench.engine.discovery.registry import installed


def removed(saliency: Tensor) -> Tensor:
    """Return (18, H, W), True where a pixel is removed."""
    rank = saliency.flatten().argsort(descending=True).argsort().view_as(saliency)
    pixels = rank.numel()
    counts = [(level * pixels + 50) // 100 for level in LEVELS]
    return torch.stack([rank < n for n in counts] + [rank >= pixels - n for n in counts])


def ours(image: Tensor, gone: Tensor, width: int) -> Tensor:
    """Impute all 18 images, as many at a time as a pass takes."""
    whole = image.expand(len(gone), -1, -1, -1)
    parts = zip(whole.split(width), gone.split(width), strict=True)
    return torch.cat([impute(images, masks) for images, masks in parts])


def theirs(image: Tensor, gone: Tensor) -> Tensor:
    """Impute all 18 images, one after another, without noise."""
    from pytorch_grad_cam.metrics.road import NoisyLinearImputer

    imputer = NoisyLinearImputer(noise=0)
    return torch.stack([imputer(image, (~mask).float()) for mask in gone])


def timed(work: Callable[[], Tensor], rounds: int) -> tuple[float, float, Tensor]:
    """Return median wall and processor seconds, and the result."""
    walls, processors = [], []
    for _ in range(rounds):
        wall, processor = perf_counter(), process_time()
        result = work()
        walls.append(perf_counter() - wall)
        processors.append(process_time() - processor)
    return statistics.median(walls), statistics.median(processors), result


def pictures(count: int, size: int) -> dict[str, tuple[list[Tensor], list[Tensor]]]:
    """Return images and maps, by the kind of map."""
    examples = installed().dataset("photos").load()()
    preprocess = Preprocess((size, size))
    images = [preprocess.image(examples[i % len(examples)].open()) for i in range(count)]
    torch.manual_seed(0)
    maps = xaibench.explain("efficientnet-lite0", torch.stack(images), "layer-cam")
    noise = torch.rand(count, size, size)
    return {"layer-cam": (images, list(maps)), "random pixels": (images, list(noise))}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--width", type=int, default=6, help="images a pass")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    title = f"seconds for {2 * len(LEVELS)} imputed images, {given.size} x {given.size}"
    table = Table(title=f"{title}; {torch.get_num_threads()} threads")
    for column in ("map", "image", "whose", "wall", "processor", "largest difference"):
        table.add_column(column, justify="left" if column in ("map", "whose") else "right")
    peer = find_spec("pytorch_grad_cam") is not None
    for kind, (images, maps) in pictures(given.images, given.size).items():
        for i, (image, saliency) in enumerate(zip(images, maps, strict=True)):
            gone = removed(saliency)
            ours(image, gone[:1], given.width)  # warms up
            wall, processor, mine = timed(lambda: ours(image, gone, given.width), given.rounds)  # noqa: B023
            table.add_row(kind, str(i), "ours", f"{wall:.2f}", f"{processor:.2f}", "")
            if peer:
                wall, processor, other = timed(lambda: theirs(image, gone), 1)  # noqa: B023
                apart = f"{(mine - other).abs().max().item():.0e}"
                table.add_row(kind, str(i), "pytorch-grad-cam", f"{wall:.2f}", f"{processor:.2f}", apart)
    Console(width=105).print(table)


if __name__ == "__main__":
    main()
