"""The verdict's procedures hold their level on units that are drawn from real score tables."""

import pytest
from simulated_verdicts import SIZES, TABLES, rates, read_table, report, shuffled

PATHS = sorted(TABLES.glob("*.parquet"))
LEVEL = 0.07  # of a nominal 0.05, as a simulation shows it


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_on_nine_units_the_best_is_kept_and_nothing_false_is_said(path):
    table = read_table(path)
    drawn = rates(table, 9, 300, former=False)
    assert drawn.best_lost <= LEVEL
    assert drawn.false_pairs <= LEVEL
    assert drawn.false_controls <= LEVEL
    nothing = rates(shuffled(table), 9, 300, former=False)
    assert nothing.false_pairs <= LEVEL
    assert nothing.false_controls <= LEVEL


def test_nine_units_say_more_than_the_former_tests_did():
    table = read_table(TABLES / "scenes-vit--scenes.parquet")
    drawn = rates(table, 9, 40)
    assert drawn.former_pairs == 0 < drawn.pairs


@pytest.mark.slow
def test_the_level_is_held_on_every_table_and_number_of_units():
    tables = [read_table(path) for path in PATHS]
    rows = report([*tables, *map(shuffled, tables)], draws=500)
    print(rows.round(3).to_string(index=False))
    assert len(rows) == 2 * len(tables) * len(SIZES)
    for column in ("best_lost", "false_pairs", "false_controls"):
        assert (rows[column] <= LEVEL).all(), rows.loc[rows[column] > LEVEL]
