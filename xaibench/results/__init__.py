"""Results of a run: rows, tables, intervals, statistics. Runs no model and imports no engine."""
