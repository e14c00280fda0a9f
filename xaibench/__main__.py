"""`python -m xaibench`."""

from xaibench.cli import main

main()
