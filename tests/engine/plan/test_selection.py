"""Which examples are chosen, and the file that says so."""

from collections import Counter
from fractions import Fraction
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaibench.api.batch import Example
from xaibench.api.errors import ConfigError, DataError
from xaibench.engine.plan.selection import (
    Choice,
    Chosen,
    Subset,
    merged,
    of_classes,
    of_subset,
    read_subset,
    read_subsets,
    shares,
    stratified,
    subset_of,
    written,
)

LABELS = ("Cat", "dog", "bird", "")


def example(name: str, target: int = 0) -> Example:
    return Example(name, lambda: None, target, LABELS[target] if target < len(LABELS) else "")


def labelled(**counts: int) -> list[Example]:
    """Images of one class each; `c3=5`: five of class 3."""
    return [
        example(f"{c}-{i}", int(c.removeprefix("c")))
        for c, count in counts.items()
        for i in range(count)
    ]


def named(examples) -> list[tuple[str, int]]:
    return [(e.id, e.target) for e in examples]


def literal_shares(sizes: dict[int, int], count: int) -> dict[int, Fraction]:
    total = sum(sizes.values())
    return {target: Fraction(size * min(count, total), total) for target, size in sizes.items()}


@given(st.dictionaries(st.integers(0, 50), st.integers(1, 40), min_size=1), st.integers(1, 300))
def test_shares_are_the_quotas_rounded_and_the_largest_remainders_are_rounded_up(sizes, count):
    given_, quotas = shares(sizes, count, 0), literal_shares(sizes, count)
    assert sum(given_.values()) == min(count, sum(sizes.values()))
    up = {target for target, quota in quotas.items() if given_[target] > quota}
    for target, quota in quotas.items():
        assert abs(given_[target] - quota) < 1
        if target not in up:  # no one of those rounded up had a smaller remainder
            assert all(quotas[other] % 1 >= quota % 1 for other in up)


def test_ties_are_broken_by_lot_rather_than_for_the_first_classes():
    sizes = dict.fromkeys(range(200), 5)
    taken = {target for target, count in shares(sizes, 20, 0).items() if count}
    assert len(taken) == 20
    assert max(taken) > 100
    assert taken != {target for target, count in shares(sizes, 20, 1).items() if count}


def test_classes_are_drawn_in_proportion():
    chosen = stratified(labelled(c0=60, c1=30, c2=10), 10, seed=3)
    assert Counter(e.target for e in chosen) == {0: 6, 1: 3, 2: 1}


def test_a_sample_depends_on_seed_and_ids_alone():
    examples = labelled(c0=30, c1=20, c2=7)
    first = stratified(examples, 11, seed=0)
    shuffled = Random(1).sample(examples, len(examples))
    again = stratified(shuffled, 11, seed=0)
    assert set(named(again)) == set(named(first))
    assert named(again) == [key for key in named(shuffled) if key in set(named(first))]
    assert named(stratified(examples, 11, seed=1)) != named(first)


def test_the_images_drawn_are_those_with_the_least_hash_of_seed_and_id():
    def literal(name: str) -> str:
        return sha256(f"5\x1fsubset\x1f{name}".encode()).hexdigest()[:16]

    ids = [f"c0-{i}" for i in range(30)]
    expected = sorted(ids, key=lambda name: int(literal(name), 16) // 2)[:4]
    assert {e.id for e in stratified(labelled(c0=30), 4, seed=5)} == {*expected}


def test_all_examples_of_an_image_stay_together_and_a_class_that_is_everywhere_hides_none():
    crowd = [example(f"i{i}", target) for i in range(40) for target in (0, 1 + i // 20)]
    chosen = stratified(crowd, 10, seed=0)
    assert Counter(e.target for e in chosen) == {0: 10, 1: 5, 2: 5}
    ids = {e.id for e in chosen}
    assert named(chosen) == [key for key in named(crowd) if key[0] in ids]


def test_more_than_there_are_is_all_there_are():
    examples = labelled(c0=3, c1=2)
    assert stratified(examples, 99, seed=0) == examples


def test_classes_are_asked_for_by_name_in_any_case_or_by_index():
    examples = labelled(c0=2, c1=2, c2=2)
    assert {e.target for e in of_classes(examples, ("CAT", "2"), "pets")} == {0, 2}


def test_a_class_that_is_not_there_is_named_with_what_was_meant():
    with pytest.raises(DataError, match=r"'pets' asks for no class 'Dgo'; did you mean 'dog'\?"):
        of_classes(labelled(c0=1, c1=1), ("cat", "Dgo"), "pets")
    with pytest.raises(DataError, match="asks for no class ''"):  # no name is nobody's name
        of_classes(labelled(c3=1), ("",), "pets")


def test_the_limit_is_of_what_the_classes_leave_and_from_its_start():
    examples = labelled(c0=5, c1=5)
    assert named(Choice(limit=2).of(examples, "pets")) == named(examples[:2])
    assert named(Choice(limit=2, classes=("dog",)).of(examples, "pets")) == named(examples[5:7])
    assert Choice().of(examples, "pets") == examples


def test_how_it_was_chosen_is_said():
    assert str(Choice()) == "all"
    assert str(Choice(classes=("dog",), sample=5, seed=2)) == "classes dog; sample 5; seed 2"


def test_a_written_subset_is_read_back(tmp_path):
    examples = [example("a", 0), example("a", 2), example('b "é\n', 1), example("lost", 0)]
    subset = subset_of("pets", examples, {"a": "12", 'b "é\n': "34"}, 'of "images": []')
    path = tmp_path / "subset.json"
    path.write_text(written(subset), encoding="utf-8")
    assert read_subset(path) == subset
    assert subset.images[0] == Chosen("a", (0, 2), "12")
    assert subset.hashes == {"a": "12", 'b "é\n': "34", "lost": ""}
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3 + 2 + 3 + 1
    assert named(of_subset(list(reversed(examples)), read_subset(path))) == named(examples)


def test_a_subset_that_names_what_is_not_there_is_refused_by_name():
    subset = Subset("pets", (Chosen("a", (0, 1)), Chosen("z", (0,))))
    with pytest.raises(
        DataError, match=r"'pets' names what is not here: image 'a', class 1; image 'z'$"
    ):
        of_subset([example("a", 0)], subset)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ('{"data": "pets", "images": []}', "names no image"),
        ('{"data": "pets", "images": [{"id": "a", "targets": []}]}', "names no class of image 'a'"),
        ('{"data": "p", "images": [{"id": "a", "targets": [0], "path": "x"}]}', "unknown field `path`"),
        (
            '{"data": "p", "images": [{"id": "a", "targets": [0]}, {"id": "a", "targets": [1]}]}',
            "names image 'a' more than once",
        ),
    ],
)
def test_a_file_that_is_no_subset_is_refused(tmp_path, content, message):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ConfigError, match=message):
        read_subset(tmp_path / "x.json")


def test_every_data_set_of_the_run_has_its_own_subset(tmp_path):
    for name in ("pets", "birds"):
        (tmp_path / name).write_text(written(Subset(name, (Chosen("a", (0,)),))))
    pets, birds = str(tmp_path / "pets"), str(tmp_path / "birds")
    assert read_subsets((), ("pets",)) == {}
    assert set(read_subsets((pets, birds), ("pets", "birds"))) == {"pets", "birds"}
    with pytest.raises(ConfigError, match="'birds': it has no subset"):
        read_subsets((pets,), ("pets", "birds"))
    with pytest.raises(ConfigError, match="'birds': the run has none"):
        read_subsets((pets, birds), ("pets",))
    with pytest.raises(ConfigError, match="two subsets are of data set 'pets'"):
        read_subsets((pets, pets), ("pets",))


def test_two_models_subsets_of_one_data_set_are_taken_together():
    first = Subset("pets", (Chosen("a", (0,), "1"), Chosen("b", (0,), "2")), "limit 2")
    second = Subset("pets", (Chosen("a", (0, 1), "1"), Chosen("c", (2,), "3")), "all")
    assert merged(first, first) == first
    assert merged(first, second) == Subset(
        "pets",
        (Chosen("a", (0, 1), "1"), Chosen("b", (0,), "2"), Chosen("c", (2,), "3")),
        "limit 2 / all",
    )
