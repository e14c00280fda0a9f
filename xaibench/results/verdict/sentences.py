"""The verdict in sentences that a newcomer can read."""

from collections.abc import Sequence
from math import isfinite, isnan

from xaibench.results.verdict.verdict import BlockVerdict

VAGUE = 50  # a range that is wider says only where it begins
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def verdict_sentences(verdict: BlockVerdict, unit: str = "image") -> tuple[str, ...]:
    """Return the verdict, how many units would tell more, and which explainers are equal; none empty.

    Args:
        verdict: the facts.
        unit: what one unit is called in the singular.
    """
    sentences = [
        verdict_sentence(verdict, unit),
        needed_sentence(verdict.needed, "to halve the set of the best", unit),
        needed_sentence(
            verdict.needed_for_controls, "to show all explainers that beat every control", unit
        ),
        equal_sentence(verdict.equal),
        unranked_sentence(verdict, unit),
    ]
    return tuple(sentence for sentence in sentences if sentence)


def unranked_sentence(verdict: BlockVerdict, unit: str = "image") -> str:
    """Return which explainers are not ranked and which units are left out; "" where there are none."""
    unranked = [s.explainer for s in verdict.standings if not s.ranked and not s.control]
    parts = []
    if unranked:
        verb = "is" if len(unranked) == 1 else "are"
        parts.append(f"{listed(unranked, 'and')} {verb} not ranked: too few scores.")
    if verdict.left_out:
        parts.append(
            f"{counted(verdict.left_out, unit)} left out: a ranked explainer has no score there."
        )
        if set(verdict.last_where_undefined) != set(verdict.best):
            parts.append(
                f"If a missing score counted as the last, {listed(verdict.last_where_undefined, 'or')} "
                "might be best."
            )
    return " ".join(parts)


def verdict_sentence(verdict: BlockVerdict, unit: str = "image") -> str:
    """Return who may be best and who beats the controls, in one sentence.

    Args:
        verdict: the facts.
        unit: what one unit is called in the singular.
    """
    if not verdict.ranked:
        return "No explainer has enough scores to be ranked."
    units = counted(verdict.units, unit)
    return f"{best_clause(verdict, units, unit)}; {control_clause(verdict)}."


def best_clause(verdict: BlockVerdict, units: str, unit: str) -> str:
    """Return the clause about the set of the best."""
    explainers, best = len(verdict.ranked), verdict.best
    if explainers == 1:
        return f"{best[0]} is the only explainer that is ranked on {units}"
    if verdict.units < verdict.floor:
        needed = counted(verdict.floor, unit)
        return f"{units} cannot separate {explainers} explainers (at least {needed} are needed)"
    if len(best) == explainers:
        each = "both explainers" if explainers == 2 else f"each of {explainers} explainers"
        return f"{units} do not separate them: {each} may be best"
    if len(best) == 1:
        return f"{best[0]} is best on {'this' if verdict.units == 1 else 'these'} {units}"
    return f"{listed(best, 'or')} may be best on these {units}"


def control_clause(verdict: BlockVerdict) -> str:
    """Return the clause about the controls."""
    if not verdict.controls:
        return "no control was run"
    ranked = [standing.explainer for standing in verdict.ranked]
    beat = verdict.beat_all_controls
    chance = "every control" if len(verdict.controls) > 1 else verdict.controls[0]
    if len(beat) == len(ranked):
        who = "it" if len(ranked) == 1 else "both" if len(ranked) == 2 else f"all {spelt(len(ranked))}"
        return f"{who} beat{'s' if len(ranked) == 1 else ''} {chance}"
    if not beat:
        return f"none is shown to beat {chance}"
    missing = [name for name in ranked if name not in beat]
    if len(missing) <= len(beat):
        return f"all but {listed(missing, 'and')} beat {chance}"
    return f"only {listed(beat, 'and')} beat{'s' if len(beat) == 1 else ''} {chance}"


def needed_sentence(needed: tuple[float, float], purpose: str, unit: str = "image") -> str:
    """Return how many units a purpose would need, as a range or as "more than"; "" where unknown.

    Args:
        needed: lower and upper end, inf where no number would do.
        purpose: "to halve the set of the best", for example.
        unit: what one unit is called in the singular.
    """
    low, high = needed
    if isnan(low):
        return ""
    if not isfinite(low):
        return f"No number of {unit}s is known {purpose}."
    if not isfinite(high) or high > VAGUE * low:
        return f"More than {counted(int(low), unit)} would be needed {purpose}."
    if low == high:
        return f"About {counted(int(low), unit)} would be needed {purpose}."
    return f"Between {int(low):,} and {counted(int(high), unit)} would be needed {purpose}."


def equal_sentence(pairs: Sequence[tuple[str, str]]) -> str:
    """Return which explainers have the same scores, in groups; "" where none have."""
    groups: list[list[str]] = []
    for first, second in pairs:
        group = next((each for each in groups if first in each or second in each), None)
        if group is None:
            groups.append([first, second])
        else:
            group += [name for name in (first, second) if name not in group]
    return " ".join(f"{listed(group, 'and')} have the same scores here." for group in groups)


def listed(names: Sequence[str], conjunction: str) -> str:
    """Join names with commas and a conjunction: "a, b or c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right number: "1 image", "40 images"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def spelt(number: int) -> str:
    """Return a small number as a word."""
    return NUMBERS[number] if number < len(NUMBERS) else f"{number:,}"
