"""What experiments.reproduce_jansen2018 does for a cell of its table."""
