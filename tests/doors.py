"""Where other people's bytes come in: a genuine file for each door, and what reads it.

Whatever the bytes, a door gives a result or one of our errors. Hypothesis and a fuzzer push at all.
"""

import gzip
import io
import json
import pickle
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np
import releases
import reports
import torch
import toys
from rich.console import Console
from safetensors.torch import save as to_safetensors
from toy_runs import toy_run
from xaibench_datasets.ade20k import ade20k, ade20k_full, ade20k_scenes
from xaibench_datasets.cifar import cifar10
from xaibench_datasets.coco import coco
from xaibench_datasets.folder import folder
from xaibench_datasets.imagenet import imagenet
from xaibench_datasets.mnist import mnist
from xaibench_datasets.voc import voc

from xaibench.api.batch import Example, Preprocess
from xaibench.api.errors import XaibenchError
from xaibench.cli.commands.compare import print_comparison
from xaibench.cli.commands.show import print_results
from xaibench.cli.display.json_lines import result_facts
from xaibench.engine.plan.config import make_config, read_config
from xaibench.engine.plan.part import Part
from xaibench.engine.plan.selection import read_subset, written
from xaibench.engine.run.merge import merge
from xaibench.engine.run.score_kept import score_kept
from xaibench.engine.work.map_store import MapStore
from xaibench.report.page.build import write_report
from xaibench.results.kept import load_kept
from xaibench.results.results import Results
from xaibench.results.statistics.compare import compare
from xaibench.results.validation import validate
from xaibench.train.checkpoint import Facts, Folder, checkpoint, new_network, read_facts
from xaibench.train.recipe import Epoch, Recipe

SYNSET = "n01440764"


@dataclass(frozen=True)
class Door:
    """One kind of file.

    Args:
        name: for people.
        file: where it lies below a root.
        genuine: what stands in a good one.
        read: everything that our code does with a root that has it.
        beside: other files that have to be there, by their paths.
    """

    name: str
    file: str
    genuine: Callable[[], bytes]
    read: Callable[[Path], object]
    beside: Callable[[Path], object] = lambda root: None

    def push(self, content: bytes) -> str:
        """Return "read" or "refused"; raises what is none of our errors."""
        with TemporaryDirectory() as place:
            root = Path(place) / "root"
            root.mkdir()
            self.beside(root)
            path = root / self.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            outside = {found for found in Path(place).rglob("*") if root not in found.parents}
            try:
                self.read(root)
            except XaibenchError as error:
                str(error).encode()  # it can be printed
                return "refused"
            finally:
                now = {found for found in Path(place).rglob("*") if root not in found.parents}
                assert now == outside, f"written outside of the folder: {now - outside}"
            return "read"


def examined(examples: Sequence[Example], root: Path) -> None:
    """Each example as a run would use it; each image's own error is a row's reason."""
    home = root.resolve()
    for example in examples[:20]:
        assert isinstance(example.id, str)
        example.id.encode()
        if isinstance(example.image, Path):
            assert example.image.resolve().is_relative_to(home), example.image
        with suppress(XaibenchError):
            example.open()
        if example.mask is not None:
            with suppress(XaibenchError):
                example.mask()


def of_data(reader: Callable[[Path], Sequence[Example]]) -> Callable[[Path], object]:
    """A data set's reader."""
    return lambda root: examined(reader(root), root)


def config(root: Path) -> None:
    """Settings, and what they say of themselves."""
    found = make_config(read_config(root / "mine.toml"), "mine.toml")
    assert make_config(read_config_text(found.toml(), root)) == found
    assert found.name().startswith("run-")


def read_config_text(text: str, root: Path) -> dict[str, object]:
    """TOML once more."""
    path = root / "again.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def results(root: Path) -> None:
    """A results folder: what is wrong with it, its tables, what a terminal says of it, its page."""
    validate(root)
    found = Results.load(root)
    found.table()
    print_results(found, Console(file=io.StringIO()))
    json.dumps(result_facts(found, 0))
    write_report(found)
    content = (root / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in content
    assert "<img src=x" not in content


def map_store(root: Path) -> None:
    """The maps of a block, and one of them."""
    from xaibench.api.batch import Batch

    store = MapStore.open(root, "m--d")
    batch = Batch(("a",), torch.zeros(1, 3, 4, 4), torch.tensor([0]))
    store.find("key", batch, ["sha"])


@cache
def a_run() -> dict[str, bytes]:
    """The files of a results folder."""
    with TemporaryDirectory() as place:
        root = reports.ready(Path(place) / "run", maps=1)
        return {
            str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }


def lay(root: Path) -> None:
    """Put those files there."""
    for name, content in a_run().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def toy_part(path: Path, number: int = 0, count: int = 1) -> Results:
    """A run of a second, or a part of it: it keeps its maps."""
    part = Part(number, count)
    settings = {
        "metrics": ("pointing-game",),
        "limit": 4,
        "images_per_shard": 2,
        "gallery": 1,
        "keep_maps": True,
    }
    return toy_run(path, "activation", part=part, **settings)


@cache
def toy_files() -> dict[str, bytes]:
    """A whole run, and the same in two parts: `whole`, `part-0` and `part-1`."""
    with TemporaryDirectory() as place:
        root = Path(place)
        toy_part(root / "whole")
        for number in range(2):
            toy_part(root / f"part-{number}", number, 2)
        files = [path for path in root.rglob("*") if path.is_file()]
        return {str(path.relative_to(root)): path.read_bytes() for path in files}


def lay_toys(root: Path) -> None:
    """Put those files there."""
    for name, content in toy_files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def of_runs(name: str, pattern: str, read: Callable[[Path], object]) -> Door:
    """A door for the first of those files that a pattern names: made when it is pushed at."""

    def place() -> str:
        return min(path for path in toy_files() if Path(path).match(pattern))

    def put_and_read(root: Path) -> None:
        (root / "pushed").replace(root / place())
        read(root)

    return Door(name, "pushed", lambda: toy_files()[place()], put_and_read, lay_toys)


def merged(root: Path) -> None:
    """Both parts in one."""
    merge([root / "part-0", root / "part-1"], root / "merged")


def compared(root: Path) -> None:
    """A part beside the whole run, in either order."""
    runs = [Results.load(root / name).scores for name in ("whole", "part-0")]
    for a, b in (runs, runs[::-1]):
        print_comparison(compare(a, b), Console(file=io.StringIO()))


def resumed(root: Path) -> None:
    """The same command once more."""
    toy_part(root / "whole")


def resumed_whole(root: Path) -> None:
    """The same command once more writes such a file anew, whatever it was."""
    resumed(root)
    assert validate(root / "whole").wrong == []


def scored(root: Path) -> None:
    """One more metric on the kept maps."""
    registry = toys.registry("activation", metrics=("pointing-game", "deletion-28"))
    score_kept(root / "whole", ["deletion-28"], registry=registry)


def trained(root: Path) -> None:
    """A training's folder: gone on with, and its network."""
    found = checkpoint(str(root))
    if (facts := read_facts(root)).history:
        assert isinstance(facts.accuracy, float)
    Folder.open(root, RECIPE)
    found.class_name(0).encode()
    if found.preprocess is not None:
        found.logits(found.preprocess.image(toys.picture(0))[None])


RECIPE = Recipe(architecture="simple-cnn", data="d", size=8, epochs=1)


def training() -> bytes:
    """The JSON of a finished training."""
    numbers = {"loss": 1.0, "accuracy": 0.5, "held_out_loss": 1.0, "held_out_accuracy": 0.5}
    facts = Facts(
        recipe=RECIPE,
        names=("cat", "dog"),
        label_space="d",
        preprocess=Preprocess((8, 8)),
        images=(8, 2),
        history=(Epoch(number=1, seconds=1.0, **numbers),),
        best=1,
        complete=True,
        tensors="1.safetensors",
        tested={"d": (0.5, 2)},
    )
    return msgspec.json.encode(facts)


@cache
def trained_weights() -> bytes:
    """The tensors of that training."""
    torch.manual_seed(0)
    return to_safetensors(new_network(RECIPE, 2).state_dict())


def instances(name: str) -> Callable[[], bytes]:
    """COCO's annotations."""

    @cache
    def made() -> bytes:
        with TemporaryDirectory() as place:
            some = {"image_id": 1, "category_id": 17, "bbox": [1, 2, 8, 9]}
            polygon = {**some, "segmentation": [[1, 1, 9, 1, 9, 9.5]]}
            runs = {**some, "segmentation": {"size": [30, 40], "counts": [100, 30, 1070]}}
            coded = {**some, "segmentation": {"size": [30, 40], "counts": "Tb0l0"}}
            crowd = {**some, "category_id": 18, "iscrowd": 1}
            said = [some, polygon, runs, coded, crowd]
            images = [(1, name, 40, 30), (2, "b.jpg", 40, 30)]
            return releases.instances(Path(place), images, said).read_bytes()

    return made


def photographs(*names: str) -> Callable[[Path], object]:
    """Pictures beside the file."""

    def lay_(root: Path) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(picture())

    return lay_


@cache
def picture() -> bytes:
    """A JPEG."""
    with TemporaryDirectory() as place:
        return releases.photograph(Path(place) / "a.jpg").read_bytes()


def voc_xml() -> bytes:
    """Two objects."""
    said = [("cat", 0, 3, 4, 20, 21), ("dog", 1, 1, 1, 9, 9)]
    return releases.voc_xml(said, filename="1.jpg").encode()


def imagenet_xml() -> bytes:
    """One object."""
    return releases.voc_xml([(SYNSET, 0, 3, 4, 20, 21)], filename="1").encode()


def idx_labels() -> bytes:
    """Three labels."""
    return struct.pack(">4BI", 0, 0, 8, 1, 3) + bytes((1, 2, 3))


def idx_images() -> bytes:
    """Three images."""
    return struct.pack(">4B3I", 0, 0, 8, 3, 3, 4, 4) + bytes(48)


def other_idx(root: Path) -> None:
    """The labels that go with `idx_images`."""
    (root / "t10k-labels-idx1-ubyte").write_bytes(idx_labels())


def cifar_pickle() -> bytes:
    """A batch of two."""
    data = np.zeros((2, 3072), np.uint8)
    return pickle.dumps({b"labels": [1, 2], b"data": data, b"filenames": [b"a", b"b"]}, protocol=2)


PARSED = ("objectInfo150.txt", "sceneCategories.txt", "annotations/validation/ADE_val_00000001.png")
OF_FULL = "images/ADE/validation/urban/bedroom/ADE_val_00000001"


def parsing(name: str) -> bytes:
    """A file of ADE20K's scene parsing, by its path."""
    numbers = releases.png(releases.ade_numbers())
    said = (releases.ADE_TABLE.encode(), releases.ADE_SCENES.encode(), numbers)
    return dict(zip(PARSED, said, strict=True))[name]


def lay_parsing(root: Path) -> None:
    """An image and all that is said of it."""
    photographs("images/validation/ADE_val_00000001.jpg")(root)
    for name in PARSED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(parsing(name))


def lay_full(root: Path) -> None:
    """The same of the full release."""
    photographs(f"{OF_FULL}.jpg")(root)
    (root / f"{OF_FULL}.json").write_bytes(releases.ade_items())
    (root / f"{OF_FULL}_seg.png").write_bytes(releases.png(releases.ade_colours()))


KEPT = {
    "trials": [["a", 0, "sha"]],
    "explainers": {
        "cam": {"odd": {}, "remarks": {}, "ms": 1.0, "forwards": 0.0, "backwards": 0.0, "key": "key"}
    },
}


def kept_maps(facts: object = KEPT) -> bytes:
    """Maps at their own resolution, and what is said of them."""
    return to_safetensors({"cam": torch.zeros(1, 4, 4).half()}, {"maps": json.dumps(facts)})


TOML = (
    b'explainers = ["cam"]\nmetrics = ["deletion-28"]\nseed = 3\ntimeout = 2.5\ndtype = "bf16"\n'
    b'[[grid]]\nmodels = ["scenes-cnn"]\ndata = ["scenes"]\nlimit = 4\n[settings.cam]\nx = 1\n'
)
SUBSET = (
    b'{"data": "d", "images": [{"id": "a", "targets": [0, 1], "sha": "00"}, {"id": "b", '
    b'"targets": [2]}], "chosen": "all"}'
)
IMAGES = "ILSVRC2012_val_00000001"
DOORS = [
    Door("config", "mine.toml", lambda: TOML, config),
    Door("subset", "s.json", lambda: SUBSET, lambda root: written(read_subset(root / "s.json"))),
    Door(
        "coco",
        "annotations/instances_val2017.json",
        instances("a.jpg"),
        of_data(coco),
        photographs("val2017/a.jpg"),
    ),
    Door("folder-coco", "boxes.json", instances("a.jpg"), of_data(folder), photographs("a.jpg")),
    Door(
        "folder-csv",
        "boxes.csv",
        lambda: b"file,class,label,x0,y0,x1,y1\na.jpg,3,cat,1,2,30,20\nsub/b.jpg,1,,,,,\n",
        of_data(folder),
        photographs("a.jpg", "sub/b.jpg"),
    ),
    Door(
        "folder-classes",
        "classes.txt",
        lambda: b"cat\ndog\n",
        of_data(folder),
        photographs("cat/a.jpg", "dog/b.jpg"),
    ),
    Door("picture", "a.jpg", picture, of_data(folder)),
    Door("voc", "Annotations/1.xml", voc_xml, of_data(voc), photographs("JPEGImages/1.jpg")),
    Door(
        "voc-list",
        "ImageSets/Main/test.txt",
        lambda: b"1\n2\n",
        of_data(voc),
        lambda root: (
            releases.write(root / "Annotations" / "1.xml", voc_xml().decode()),
            photographs("JPEGImages/1.jpg")(root),
        ),
    ),
    Door("ade20k-classes", PARSED[0], partial(parsing, PARSED[0]), of_data(ade20k), lay_parsing),
    Door("ade20k-scenes", PARSED[1], partial(parsing, PARSED[1]), of_data(ade20k_scenes), lay_parsing),
    Door("ade20k-numbers", PARSED[2], partial(parsing, PARSED[2]), of_data(ade20k), lay_parsing),
    Door("ade20k-items", f"{OF_FULL}.json", releases.ade_items, of_data(ade20k_full), lay_full),
    Door(
        "ade20k-colours",
        f"{OF_FULL}_seg.png",
        lambda: releases.png(releases.ade_colours()),
        of_data(ade20k_full),
        lay_full,
    ),
    Door(
        "imagenet-csv",
        "LOC_val_solution.csv",
        lambda: f"ImageId,PredictionString\n{IMAGES},{SYNSET} 1 2 30 20 \n".encode(),
        of_data(imagenet),
        photographs(f"val/{IMAGES}.JPEG"),
    ),
    Door(
        "imagenet-xml",
        f"bbox_val/val/{IMAGES}.xml",
        imagenet_xml,
        of_data(imagenet),
        photographs(f"val/{IMAGES}.JPEG"),
    ),
    Door(
        "idx-labels",
        "t10k-labels-idx1-ubyte",
        idx_labels,
        of_data(mnist),
        lambda root: (root / "t10k-images-idx3-ubyte").write_bytes(idx_images()),
    ),
    Door("idx-images", "t10k-images-idx3-ubyte", idx_images, of_data(mnist), other_idx),
    Door(
        "idx-gzip",
        "t10k-images-idx3-ubyte.gz",
        lambda: gzip.compress(idx_images(), mtime=0),
        of_data(mnist),
        other_idx,
    ),
    Door("cifar-pickle", "test_batch", cifar_pickle, of_data(cifar10)),
    Door("cifar-binary", "test_batch.bin", lambda: bytes((1, *bytes(3072))), of_data(cifar10)),
    Door("manifest", "manifest.json", lambda: a_run()["manifest.json"], results, lay),
    Door("rows", "scores/one.parquet", lambda: a_run()["scores/one.parquet"], results, lay),
    Door("gallery", "maps/000.safetensors", lambda: a_run()["maps/000.safetensors"], results, lay),
    Door(
        "kept-map",
        "one.safetensors",
        lambda: a_run()["maps/000.safetensors"],
        lambda root: load_kept(root / "one.safetensors"),
    ),
    Door("map-store", "m--d.1.safetensors", kept_maps, map_store),
    Door(
        "training",
        "checkpoint.json",
        training,
        trained,
        lambda root: (root / "1.safetensors").write_bytes(trained_weights()),
    ),
    Door(
        "training-weights",
        "1.safetensors",
        trained_weights,
        trained,
        lambda root: (root / "checkpoint.json").write_bytes(training()),
    ),
    of_runs("compare-rows", "part-0/scores/*.parquet", compared),
]
RUN_DOORS = [  # a run each
    of_runs("merge-rows", "part-0/scores/*.parquet", merged),
    of_runs("merge-manifest", "part-0/manifest.json", merged),
    of_runs("merge-config", "part-0/config.toml", merged),
    of_runs("merge-subset", "part-0/subset-*.json", merged),
    of_runs("merge-gallery", "part-0/maps/*.safetensors", merged),
    of_runs("resume-rows", "whole/scores/*.parquet", resumed),
    of_runs("resume-manifest", "whole/manifest.json", resumed_whole),
    of_runs("resume-config", "whole/config.toml", resumed),
    of_runs("resume-subset", "whole/subset-*.json", resumed_whole),
    of_runs("score-maps", "whole/maps/native/*.safetensors", scored),
    of_runs("score-config", "whole/config.toml", scored),
]
DOORS += RUN_DOORS
