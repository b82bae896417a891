"""Runs: the directory, the manifest, the lock, the loop and how it resumes."""
