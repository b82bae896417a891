"""The embedded demo data: an authored ontology of goods and a generator of items and pairs."""

from karl.demo.generator import generate_catalogue
from karl.demo.ontology import Ontology
from karl.demo.pairs import generate_pairs, true_labels

__all__ = ["Ontology", "generate_catalogue", "generate_pairs", "true_labels"]
