"""The contract of executors, and the workers and tasks that it gives them."""
