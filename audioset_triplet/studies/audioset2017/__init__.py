"""The tables of Hershey et al. 2017 and of the AudioSet talk of 2017."""
