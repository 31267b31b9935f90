"""The experiment of Hornauer et al. 2021: starts x data sets x held-out folds -> accuracy by epoch (figure 4)."""
