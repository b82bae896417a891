"""Studies: strategies compared over folds and seeds, as tables, figures and a page."""
