"""Which of a data set's examples a run takes, and the file that lets somebody else take the same."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import msgspec

from xaibench.api.batch import Example, seed_of
from xaibench.api.errors import ConfigError, DataError

SHOWN = 3  # names in a message


class Chosen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One image of a subset.

    Args:
        id: its name in the data set.
        targets: the classes that the data set asks of it.
        sha: `fingerprint` of its file, or of its pixels where it is generated; "": it could not be
            read; None: not to be checked.
    """

    id: str
    targets: tuple[int, ...]
    sha: str | None = None


class Subset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that says which images were run: ids and hashes, no pictures.

    Args:
        data: the data set's name.
        images: in the order of the run.
        chosen: how they were: "all", or such as "classes dog; sample 100; seed 0", for people.
    """

    data: str
    images: tuple[Chosen, ...]
    chosen: str = ""

    @property
    def hashes(self) -> dict[str, str]:
        """What each image that is to be checked must be."""
        return {image.id: image.sha for image in self.images if image.sha is not None}


@dataclass(frozen=True)
class Choice:
    """How a run chooses examples; first by classes, then by number.

    Args:
        limit: how many examples, from the data set's start; None: all.
        sample: how many images, seeded and stratified by class; None: all.
        classes: names or indices; none: all.
        seed: of the sample.
        subset: exactly these, and nothing of the above.
    """

    limit: int | None = None
    sample: int | None = None
    classes: tuple[str, ...] = ()
    seed: int = 0
    subset: Subset | None = None

    def of(self, examples: Sequence[Example], data: str) -> Sequence[Example]:
        """The examples of the data set `data` that are chosen.

        Raises:
            DataError: the data set has no such class, or not all that the subset names.
        """
        if self.subset is not None:
            return of_subset(examples, self.subset)
        if self.classes:
            examples = of_classes(examples, self.classes, data)
        if self.sample is not None:
            examples = stratified(examples, self.sample, self.seed)
        return examples[: self.limit]

    @property
    def hashes(self) -> dict[str, str]:
        """What images must be, by their ids; of others it is not known."""
        return {} if self.subset is None else self.subset.hashes

    def __str__(self) -> str:
        """How the examples are chosen, in words."""
        if self.subset is not None:
            return self.subset.chosen
        parts = [f"classes {', '.join(self.classes)}"] if self.classes else []
        parts += [f"sample {self.sample}; seed {self.seed}"] if self.sample is not None else []
        parts += [f"limit {self.limit}"] if self.limit is not None else []
        return "; ".join(parts) or "all"


def stratified(examples: Sequence[Example], count: int, seed: int) -> list[Example]:
    """All examples of `count` images, classes in proportion; in the data set's order.

    An image counts for the rarest of its classes, so that one that is in every image does not hide the
    others. Each class has its share of `count`, rounded by largest remainders, ties by lot. Which images
    of a class is a matter of seed and id alone: neither of order nor of machine.
    """
    targets: dict[str, set[int]] = defaultdict(set)
    for example in examples:
        targets[example.id].add(example.target)
    images_of = Counter(target for of_image in targets.values() for target in of_image)
    strata: dict[int, list[str]] = defaultdict(list)
    for name, of_image in targets.items():
        strata[min(of_image, key=lambda target: (images_of[target], target))].append(name)
    counts = shares({target: len(names) for target, names in strata.items()}, count, seed)
    chosen = {
        name
        for target, names in strata.items()
        for name in sorted(names, key=lambda name: seed_of(seed, "subset", name))[: counts[target]]
    }
    return [example for example in examples if example.id in chosen]


def shares(sizes: dict[int, int], count: int, seed: int) -> dict[int, int]:
    """`count` divided in proportion to `sizes`, by largest remainders; all of them where it is more."""
    total = sum(sizes.values())
    count = min(count, total)
    given = {target: size * count // total for target, size in sizes.items()}
    left = count - sum(given.values())

    def precedence(target: int) -> tuple[int, int]:
        return -(sizes[target] * count % total), seed_of(seed, "share", target)

    for target in sorted(sizes, key=precedence)[:left]:
        given[target] += 1
    return given


def of_classes(examples: Sequence[Example], classes: Sequence[str], data: str) -> list[Example]:
    """The examples that ask for one of `classes`, by name in any case, or by index.

    Raises:
        DataError: the data set `data` asks for no such class.
    """
    wanted = {name.casefold() for name in classes}
    known = {name for example in examples for name in called(example)}
    missing = [name for name in classes if name.casefold() not in known]
    if missing:
        labels = {example.label.casefold(): example.label for example in examples}
        close = [labels[near] for near in get_close_matches(missing[0].casefold(), labels, SHOWN)]
        near = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise DataError(f"data set {data!r} asks for no class {missing[0]!r}{near}")
    return [example for example in examples if wanted & called(example)]


def called(example: Example) -> set[str]:
    """What the class of an example may be called."""
    return {str(example.target), example.label.casefold()} - {""}


def of_subset(examples: Sequence[Example], subset: Subset) -> list[Example]:
    """The examples that the file names, in its order.

    Raises:
        DataError: one is not there.
    """
    by_key = {(example.id, example.target): example for example in examples}
    wanted = [(image.id, target) for image in subset.images for target in image.targets]
    missing = [key for key in wanted if key not in by_key]
    if missing:
        ids = {example.id for example in examples}
        reasons = [
            f"image {name!r}" + (f", class {target}" if name in ids else "")
            for name, target in missing[:SHOWN]
        ]
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        raise DataError(
            f"the subset of {subset.data!r} names what is not here: {'; '.join(reasons)}{more}"
        )
    return [by_key[key] for key in wanted]


def subset_of(data: str, examples: Iterable[Example], hashes: dict[str, str], chosen: str) -> Subset:
    """The subset that these examples are.

    Args:
        data: the data set's name.
        examples: those that were run.
        hashes: of each image.
        chosen: how they were.
    """
    targets: dict[str, list[int]] = defaultdict(list)
    for example in examples:
        targets[example.id].append(example.target)
    images = [Chosen(name, tuple(of_image), hashes.get(name, "")) for name, of_image in targets.items()]
    return Subset(data, tuple(images), chosen)


def merged(first: Subset, second: Subset) -> Subset:
    """What two models were run on of one data set: usually the same."""
    if first.images == second.images:
        return first
    images = {image.id: image for image in first.images}
    for image in second.images:
        known = images.get(image.id, image)
        targets = tuple(dict.fromkeys((*known.targets, *image.targets)))
        images[image.id] = Chosen(image.id, targets, known.sha)
    chosen = " / ".join(dict.fromkeys((first.chosen, second.chosen)))
    return Subset(first.data, tuple(images.values()), chosen)


def written(subset: Subset) -> str:
    """The file that says so: JSON, an image a line."""
    facts = msgspec.to_builtins(subset) | {"images": ()}
    head = msgspec.json.format(msgspec.json.encode(facts)).decode()
    lines = ",\n    ".join(msgspec.json.encode(image).decode() for image in subset.images)
    return head.replace('"images": []', f'"images": [\n    {lines}\n  ]', 1) + "\n"


def read_subset(path: Path) -> Subset:
    """A file that `written` made.

    Raises:
        ConfigError: it cannot be read, is no such file, names no image, or one twice.
    """
    try:
        subset = msgspec.json.decode(path.read_bytes(), type=Subset)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigError(f"subset {path} cannot be read: {error}") from error
    names = Counter(image.id for image in subset.images)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise ConfigError(f"subset {path} names image {twice[0]!r} more than once")
    empty = [image.id for image in subset.images if not image.targets]
    if empty or not names:
        what = f"no class of image {empty[0]!r}" if empty else "no image"
        raise ConfigError(f"subset {path} names {what}")
    return subset


def read_subsets(files: Iterable[str], data: Iterable[str]) -> dict[str, Subset]:
    """The subset of each data set, where any are given.

    Raises:
        ConfigError: a file cannot be read, two are of one data set, or they are not of those of the run.
    """
    subsets: dict[str, Subset] = {}
    for file in files:
        subset = read_subset(Path(file).expanduser())
        if subset.data in subsets:
            raise ConfigError(f"two subsets are of data set {subset.data!r}; hand on one")
        subsets[subset.data] = subset
    names = set(data)
    if subsets and names != subsets.keys():
        strange = sorted(names ^ subsets.keys())[0]
        what = "the run has none" if strange in subsets else "it has no subset, and others have"
        raise ConfigError(f"data set {strange!r}: {what}; give each data set of the run its --subset")
    return subsets
