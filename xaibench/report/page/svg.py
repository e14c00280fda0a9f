"""Vector pictures as plain marks, which the templates write as inline SVG.

Colours are classes of the page's style sheet, so that pictures follow its light and dark; there is no
style attribute, which the page's content security policy would refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

Attributes = tuple[tuple[str, str], ...]
Extent = tuple[float, float, float, float]  # left, top, right, bottom

LETTER = 6.1  # pixels of a character at the pictures' size of type


@dataclass(frozen=True)
class Mark:
    """One SVG element: its kind, attributes, text, and tooltip."""

    kind: str
    attributes: Attributes
    text: str = ""
    title: str = ""


@dataclass(frozen=True)
class Drawing:
    """A picture with its size in pixels, and a label for screen readers."""

    width: float
    height: float
    label: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Axis:
    """The mapping of values to pixels between two ends; on a log axis, values must be positive."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return the pixel of a value; the middle if the axis has only one value."""
        low, high, value = (log10(x) if self.log else x for x in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Return round values within the axis: powers of ten on a log axis, else three to eight."""
        if self.log:
            return [10.0**power for power in range(ceil(log10(self.low)), floor(log10(self.high)) + 1)]
        if self.high <= self.low:
            return [self.low]
        widest = (self.high - self.low) / 3
        size = 10.0 ** floor(log10(widest))
        step = next(size * times for times in (5, 2, 1) if size * times <= widest or times == 1)
        first = ceil(self.low / step - 1e-9)
        last = floor(self.high / step + 1e-9)
        return [step * number for number in range(first, last + 1)]


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Mark:
    """Return a straight line."""
    ends = zip(("x1", "y1", "x2", "y2"), (x1, y1, x2, y2), strict=True)
    return Mark("line", (*((name, pixel(value)) for name, value in ends), ("class", style)))


def dot(x: float, y: float, radius: float, style: str, title: str) -> Mark:
    """Return a disc with a tooltip."""
    where = (("cx", pixel(x)), ("cy", pixel(y)), ("r", pixel(radius)), ("class", style))
    return Mark("circle", where, title=title)


def words(x: float, y: float, text: str, style: str, anchor: str = "start") -> Mark:
    """Return text on its baseline."""
    where = (("x", pixel(x)), ("y", pixel(y)), ("class", style), ("text-anchor", anchor))
    return Mark("text", where, text=text)


def path(points: Sequence[tuple[float, float]], style: str, closed: bool = False) -> Mark:
    """Return straight lines from point to point."""
    commands = "M" + "L".join(f"{pixel(x)} {pixel(y)}" for x, y in points) + ("Z" if closed else "")
    return Mark("path", (("d", commands), ("class", style)))


def pixel(value: float) -> str:
    """Return a coordinate rounded to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def plain(value: float) -> str:
    """Return a number of an axis as text."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


@dataclass(frozen=True)
class LabelledPoint:
    """A point of a scatter plot and its name."""

    x: float
    y: float
    name: str


def labelled(points: Sequence[LabelledPoint], room: Extent) -> list[tuple[float, float, str]]:
    """Return the place of each name: its baseline's start or end, and which ("start", "end").

    Greedy, from the top: beside its point if there is room, else the nearest place up or down that
    covers no point and no name that is placed already. Where there is none, beside its point.

    Args:
        points: with their names.
        room: from left and top to right and bottom; names stay in it.
    """
    taken = [(point.x - 4, point.y - 4, point.x + 4, point.y + 4) for point in points]
    places = dict[int, tuple[float, float, str]]()
    for i in sorted(range(len(points)), key=lambda i: (points[i].y, points[i].x)):
        point = points[i]
        wide = LETTER * len(point.name)
        for shift in sorted(range(-14, 15), key=abs):
            y = point.y + 3.5 + 6 * shift
            right = (point.x + 8, y - 9, point.x + 8 + wide, y + 3)
            left = (point.x - 8 - wide, y - 9, point.x - 8, y + 3)
            free = [box for box in (right, left) if within(box, room) and clear(box, taken)]
            if free:
                taken.append(free[0])
                places[i] = (point.x + 8, y, "start") if free[0] is right else (point.x - 8, y, "end")
                break
        else:
            places[i] = (point.x + 8, point.y + 3.5, "start")
    return [places[i] for i in range(len(points))]


def within(box: Extent, room: Extent) -> bool:
    """Return whether a box lies in another."""
    return box[0] >= room[0] and box[1] >= room[1] and box[2] <= room[2] and box[3] <= room[3]


def clear(box: Extent, taken: Sequence[Extent]) -> bool:
    """Return whether a box covers none of some others."""
    return all(
        box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
        for other in taken
    )
