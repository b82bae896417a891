"""The stages of an experiment: artefacts in → artefacts out.

A stage reads what earlier stages wrote and writes its own artefacts; it knows
nothing of the loop that calls it.
"""
