"""Item cards written by a language model: what it knows of an item from its title."""

from karl.enrichment.cards import LLMCards
from karl.enrichment.categories import CategoryList
from karl.enrichment.tables import CARD_COLUMNS, Summary, summarise, write_cards

__all__ = ["CARD_COLUMNS", "CategoryList", "LLMCards", "Summary", "summarise", "write_cards"]
