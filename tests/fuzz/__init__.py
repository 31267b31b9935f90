"""Damaged inputs in large numbers: valid files, bytes of which are changed at random, through the programs."""
