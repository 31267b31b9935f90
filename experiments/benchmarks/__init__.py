"""Programs that time parts of the project beside what others do; README.md has their tables."""
