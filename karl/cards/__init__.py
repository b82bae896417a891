"""Item cards: what is known of an item beyond its title; none, recorded, or by a model."""

from karl.cards.base import Cards

__all__ = ["Cards"]
