"""The table of Jansen et al. 2018."""
