"""Fine-tuning from several starts on the folds of a data set: accuracy by epoch (Hornauer et al. 2021, figure 4)."""
