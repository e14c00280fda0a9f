"""One machine's share of a run: the i-th of n parts of every block."""

from dataclasses import dataclass
from pathlib import Path

from xaibench.api.errors import ConfigError


@dataclass(frozen=True)
class Part:
    """One of `count` equal parts of every block, counted from 0: for schedulers that start many runs."""

    number: int = 0
    count: int = 1

    def __str__(self) -> str:
        return f"{self.number + 1}/{self.count}"

    def shards(self, images: int, size: int) -> list[range]:
        """Return every count-th shard of at most `size` of so many images."""
        every = [range(images)[first : first + size] for first in range(0, images, size)]
        return every[self.number :: self.count]

    def folder(self, run: Path) -> Path:
        """Return the folder of this part's results: beside the run's, so that parts do not mix."""
        return run.with_name(f"{run.name}-part-{self.number + 1}-of-{self.count}")


WHOLE = Part()


def part_of(text: str) -> Part:
    """Return the part that "i/n" means, the i-th of n, counted from 1.

    Raises:
        ConfigError: it is not of that form.
    """
    number, _, count = text.partition("/")
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise ConfigError(f"part {text!r}: expected i/n, such as 2/8 for the second of eight parts")
    return Part(int(number) - 1, int(count))
