"""The embedded demo data: an authored ontology of goods and a generator of items and pairs."""
