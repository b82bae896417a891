"""The embedded demo data: an authored ontology of goods and a generator of items and pairs."""

from karl.datasets.demo.generator import generate_catalogue
from karl.datasets.demo.ontology import Ontology
from karl.datasets.demo.pairs import generate_pairs, gold

__all__ = ["Ontology", "generate_catalogue", "generate_pairs", "gold"]
