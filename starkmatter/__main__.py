"""`python -m starkmatter` is the same as `starkmatter`."""

from starkmatter.cli import main

main()
