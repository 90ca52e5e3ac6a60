"""The sample that `make demo` imports: questions and answers about Segmill."""

from pathlib import Path

FAQ = Path(__file__).parent / "segmill-faq.csv"
"""A CSV file with the columns external_id, question, answer, keywords, metadata.topic."""
