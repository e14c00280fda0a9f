"""Write the ImageNet classes that are COCO's and Pascal VOC's categories, from WordNet 3.0.

    python docs/make_class_maps.py data.noun     # WordNet 3.0's, such as /usr/share/wordnet/data.noun

A category's classes are ImageNet's hyponyms of the synset that the category is. What is left out or
added by hand stands here with its reason.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

from timm.data import ImageNetInfo

MAPS = Path(__file__).parent.parent / "plugins" / "xaibench_datasets" / "class_maps"

# The synset that a category is. Not all have classes of ImageNet below them; those get no rows.
SYNSETS = {
    "bicycle": "n02834778",
    "car": "n02958343",
    "motorcycle": "n03790512",
    "airplane": "n02691156",
    "bus": "n02924116",
    "train": "n04468005",
    "truck": "n04490091",
    "boat": "n04530566",  # vessel, watercraft: COCO and VOC call ships boats
    "traffic light": "n06874185",
    "parking meter": "n03891332",
    "bench": "n02828884",
    "bird": "n01503061",
    "cat": "n02121808",  # domestic cat
    "dog": "n02084071",
    "horse": "n02374451",
    "sheep": "n02411705",
    "cow": "n02402425",  # cattle
    "elephant": "n02503517",
    "bear": "n02131653",
    "zebra": "n02391049",
    "backpack": "n02769748",
    "umbrella": "n04507155",
    "tie": "n03815615",
    "skis": "n04228054",
    "sports ball": "n02778669",
    "bottle": "n02876657",
    "knife": "n03623556",
    "spoon": "n04284002",
    "bowl": "n02880940",
    "banana": "n07753592",
    "apple": "n07739125",
    "sandwich": "n07695965",
    "orange": "n07747607",
    "broccoli": "n07714990",
    "hot dog": "n07697537",
    "pizza": "n07873807",
    "chair": "n03001627",
    "couch": "n04256520",
    "bed": "n02818832",
    "dining table": "n03201208",
    "laptop": "n03642806",
    "mouse": "n03793489",
    "remote": "n04074963",
    "keyboard": "n03085013",
    "cell phone": "n02992529",
    "microwave": "n03761084",
    "oven": "n03862676",
    "toaster": "n04442312",
    "sink": "n04553703",  # washbasin
    "refrigerator": "n04070727",
    "clock": "n03046257",
    "vase": "n04522168",
    "teddy bear": "n04399382",
    "hair drier": "n03483316",
}
LEFT_OUT = {
    "truck": {656: "a minivan is a car to both data sets"},
    "boat": {833: "a submarine is no boat to either", 913: "a wreck is no boat to either"},
    "sports ball": {747: "a punching bag hangs"},
    "sandwich": {934: "a hot dog is a category of its own"},
    "oven": {544: "a Dutch oven is a pot"},
}
ADDED = {
    "airplane": {895: "its lemma is military plane"},
    "motorcycle": {670: "a motorcycle to both data sets; WordNet has it beside"},
    "train": {
        547: "pulls trains; annotated as one",
        820: "pulls trains; annotated as one",
        705: "part of a train; annotated as one",
        565: "part of a train; annotated as one",
    },
    "stop sign": {919: "a stop sign is a street sign"},
    "elephant": {101: "its gloss: especially an elephant"},
    "handbag": {748: "has the lemma purse in common with the handbag's synset n02774152"},
    "wine glass": {572: "a goblet is a drinking glass with a base and stem"},
    "cup": {504: "a mug is a cup to COCO", 968: "has the lemma cup"},
    "tennis racket": {752: "a tennis racket is a racket"},
    "potted plant": {738: "its pot: a container in which plants are cultivated"},
    "toilet": {861: "part of a toilet"},
    "tv": {
        851: "television set",
        664: "monitors are televisions to both data sets",
        782: "screens are televisions to both data sets",
    },
    "laptop": {681: "notebook computer: WordNet has it beside the laptop"},
    "oven": {827: "a stove is an oven to COCO"},
}
# Pascal VOC's name of each of COCO's categories that it has.
VOC = {
    "airplane": "aeroplane",
    "bicycle": "bicycle",
    "bird": "bird",
    "boat": "boat",
    "bottle": "bottle",
    "bus": "bus",
    "car": "car",
    "cat": "cat",
    "chair": "chair",
    "cow": "cow",
    "dining table": "diningtable",
    "dog": "dog",
    "horse": "horse",
    "motorcycle": "motorbike",
    "potted plant": "pottedplant",
    "sheep": "sheep",
    "couch": "sofa",
    "train": "train",
    "tv": "tvmonitor",
}


def read_wordnet(path: Path) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Read the hypernyms of each noun synset, and its first lemma."""
    above: dict[str, set[str]] = defaultdict(set)
    lemma = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if line.startswith("  "):  # the licence
            continue
        words = line.split(" | ")[0].split()
        synset, lemmas = f"n{words[0]}", int(words[3], 16)
        lemma[synset] = words[4].replace("_", " ")
        pointers = words[5 + 2 * lemmas :]
        for symbol, offset, kind in zip(pointers[::4], pointers[1::4], pointers[2::4], strict=False):
            if symbol in ("@", "@i") and kind == "n":
                above[synset].add(f"n{offset}")
    return above, lemma


def ancestors(synset: str, above: dict[str, set[str]]) -> set[str]:
    """Return a synset and all above it."""
    return {synset}.union(*(ancestors(one, above) for one in above[synset]))


def main(wordnet: Path) -> None:
    """Write both tables."""
    above, lemma = read_wordnet(wordnet)
    info = ImageNetInfo()
    synsets = info.label_names()
    rows = []
    for category in [*SYNSETS, *(ADDED.keys() - SYNSETS.keys())]:
        root = SYNSETS.get(category, "")
        classes = {
            k: f"hyponym of {root} {lemma[root]}"
            for k, synset in enumerate(synsets)
            if root in ancestors(synset, above) and k not in LEFT_OUT.get(category, {})
        }
        classes |= ADDED.get(category, {})
        for k, why in classes.items():
            rows.append((category, k, synsets[k], info.index_to_description(k).split(",")[0], why))
    rows.sort(key=lambda row: (row[0], row[1]))
    write(MAPS / "coco_to_imagenet.csv", rows)
    write(MAPS / "voc_to_imagenet.csv", sorted((VOC[r[0]], *r[1:]) for r in rows if r[0] in VOC))


def write(path: Path, rows: list[tuple[str, int, str, str, str]]) -> None:
    """Write one table."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("category", "index", "synset", "name", "why"))
        table.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
