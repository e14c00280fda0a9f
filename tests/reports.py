"""Results folders to make reports of, and reports read back by a real HTML parser."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from tables import folder, rows

from xaibench.engine.discovery.registry import installed
from xaibench.report.page.build import write_report
from xaibench.results.kept import KeptMap, kept_bytes
from xaibench.results.results import Results
from xaibench.results.rows import SHARED_PASS, Row

NAMES = ["cam", "other", "random"]
VOID = {
    "area",
    "base",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
}
STEPS = 9
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--'\"&{{7*7}}"


def keep(path, image="i0", model="m", dataset="d", explainers=NAMES, side=(24, 32), seed=0, **facts):
    """One image's kept maps, noise, each with its own peak."""
    rng = np.random.default_rng(seed)
    (path / "maps").mkdir(parents=True, exist_ok=True)
    known = {"target": "dog", "predicted": "dog", "boxes": ((2.0, 3.0, 12.0, 15.0),), "target_index": 0}
    kept = KeptMap(model, dataset, image, explainers=tuple(explainers), **{**known, **facts})
    colours = rng.integers(0, 255, (*side, 3), dtype=np.uint8)
    maps = rng.random((len(explainers), *side)).astype(np.float16)
    number = len(list((path / "maps").iterdir()))
    (path / "maps" / f"{number:03}.safetensors").write_bytes(kept_bytes(kept, colours, maps))
    return maps


def scores(n=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) + np.array([3.0, 2.0, 0.0]) + 0.1 * rng.normal(size=(n, 3))


def curved(found: list[Row], seed=0) -> list[Row]:
    """The same rows with a curve each."""
    rng = np.random.default_rng(seed)
    return [Row(**{**vars(row), "curve": tuple(rng.random(STEPS))}) for row in found]


def shared_pass(n=12, ms=20.0, model="m") -> list[Row]:
    known = {"run": "r", "cell": f"shared-{model}", "status": "ok", "model": model, "dataset": "d"}
    facts = {"explainer": SHARED_PASS, "metric": "", "explain_ms": ms, "explain_forwards": 1.0}
    return [Row(**known, **facts, image=f"i{k}", grid="7x7") for k in range(n)]


def ready(path, maps=4, manifest=True) -> Path:
    """Two models, three metrics, some scores lacking, a few maps, a manifest."""
    hits = (scores(seed=3) > 1.5).astype(float)
    lacking = scores(seed=1)
    lacking[:7, 0] = np.nan
    found = folder(
        path,
        curved(rows(scores(), NAMES, metric="insertion", explain_ms=3.0, predicted=0)),
        curved(rows(-scores(), NAMES, metric="deletion", higher_is_better=False, explain_ms=3.0)),
        rows(hits, NAMES, metric="pointing-game", explain_forwards=510.0),
        rows(lacking, NAMES, metric="insertion", model="n", reason="no box & <none>"),
        shared_pass(),
    )
    for k in range(maps):
        keep(found, f"i{k}", seed=k)
    if manifest:
        facts = {
            "run": "r",
            "command": "xaibench run --models m",
            "controls": ["random"],
            "config": {"grid": [{"models": ["m"], "data": ["d"]}], "limit": 12, "strict": False},
            "models": {"m": {"weights_sha256": "ab" * 32, "preprocess": {"mean": [0.1, 0.2]}}},
            "plugins": [{"name": "p", "version": "1"}, {"name": "q", "broken": "no module"}],
            "seconds": {"all": 12.5},
            "finished": "2026-01-01T00:00:00+00:00",
            "packages": {"numpy": "2.0"},
            "novelty": {"something": "else"},
        }
        (found / "manifest.json").write_text(json.dumps(facts))
    return found


def wide(path) -> Path:
    """As many explainers and metrics as a usual run has, by their real names: a board of full width."""
    explainers = [
        *("ablation-cam", "conceptor-cam", "eigen-cam", "grad-cam", "grad-cam++", "hirescam"),
        *("integrated-gradients", "layer-cam", "occlusion", "score-cam", "smooth-grad", "random"),
    ]
    metrics = [
        *("insertion", "deletion", "pixel-flipping", "road-most-relevant", "pointing-game"),
        *("energy-pointing-game", "max-sensitivity"),
    ]
    rng = np.random.default_rng(0)
    tables = [
        rows(
            rng.normal(-0.5, 0.3, size=(12, len(explainers))), explainers, metric=metric, explain_ms=999
        )
        for metric in metrics
    ]
    found = folder(path, *map(curved, tables), shared_pass())
    for k in range(2):
        keep(found, f"i{k}", explainers=explainers, seed=k)
    (found / "manifest.json").write_text(json.dumps({"run": "r", "controls": ["random"]}))
    return found


def named_evilly(path) -> tuple[dict[str, str], list[str]]:
    """A folder all of whose names hold markup; the model, data set and metric, and the images."""
    evil = {"metric": "insertion", "model": f"m{EVIL}", "dataset": f"d{EVIL}"}
    names, images = [EVIL, "b", "c"], [f"{k}{EVIL}" for k in range(12)]
    lacking = scores()
    lacking[0] = np.nan
    said = {"reason": f"why{EVIL}", "explainer_note": f"note{EVIL}"}
    folder(path, curved(rows(lacking, names, images=images, **said, **evil)))
    keep(path, images[1], evil["model"], evil["dataset"], names, target=f"class{EVIL}")
    manifest = {
        "run": f"run{EVIL}",
        "controls": [EVIL],
        "plugins": [{f"key{EVIL}": f"plugin{EVIL}"}],
        f"odd{EVIL}": {EVIL: [EVIL]},
        "finished": EVIL,
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    (path / "config.toml").write_text(EVIL)
    return evil, images


@dataclass
class Node:
    """An element."""

    tag: str
    attributes: dict[str, str]
    parent: "Node | None" = None
    content: list["Node | str"] = field(default_factory=list)

    @property
    def children(self) -> list["Node"]:
        return [each for each in self.content if isinstance(each, Node)]

    @property
    def texts(self) -> list[str]:
        """Its own text."""
        return [each for each in self.content if isinstance(each, str)]

    def all(self, *tags: str, **attributes: str) -> list["Node"]:
        """Descendants with one of the tags and these attributes."""
        found = []
        for child in self.children:
            wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
            same = all(child.attributes.get(name) == value for name, value in wanted.items())
            found += [child] if (not tags or child.tag in tags) and same else []
            found += child.all(*tags, **attributes)
        return found

    def one(self, *tags: str, **attributes: str) -> "Node":
        (found,) = self.all(*tags, **attributes)
        return found

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    @property
    def text(self) -> str:
        """Its own text and that of what is in it, on one line."""
        return " ".join(
            "".join(each if isinstance(each, str) else f" {each.text} " for each in self.content).split()
        )

    @property
    def above(self) -> list["Node"]:
        return [] if self.parent is None else [self.parent, *self.parent.above]


class Reader(HTMLParser):
    """A tree of a page, which must be well nested."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = self.here = Node("", {})

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice on {tag}: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.content.append(node)
        if tag not in VOID:
            self.here = node

    def handle_endtag(self, tag):
        assert self.here.tag == tag, f"</{tag}> closes <{self.here.tag}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.content.append(data)


def parsed(text: str) -> Node:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.here is reader.root
    return reader.root


def report(path) -> Node:
    """The report of a folder."""
    written = write_report(Results.load(path), sections=installed().report_sections.values())
    return parsed(written.path.read_text(encoding="utf-8"))


def facts_of(page: Node) -> dict:
    """What the page's script reads."""
    return json.loads("".join(page.one("script", id="facts").texts))
