"""Sweeps: many runs, expanded from one command and carried out by a Hydra launcher."""
