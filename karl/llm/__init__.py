"""Asking language models: prompts in, answers out, nothing lost and nothing paid twice.

Knows nothing of pairs or items: annotators and item cards bring their own
questions (see `karl.llm.prompt`) and are given back values.
"""
