"""Configuration: composition by Hydra, validation, readable errors."""
