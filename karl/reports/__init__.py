"""Tables and plots of a run, made from its ``metrics.jsonl``."""
