"""What a run leaves: rows, frames, intervals. Runs no model, knows no engine."""
