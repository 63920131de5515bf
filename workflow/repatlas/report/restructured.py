"""Plain text as Snakemake's report reads it: reStructuredText behind a Jinja template."""

import re

_SPECIAL = re.compile(r"([^\w\s]|_)")


def literal(text: str) -> str:
    """`text` so that neither markup nor template finds anything in it."""
    return _SPECIAL.sub(r"\\\1", text)


def document(title: str, paragraphs: list[str], points: list[str]) -> str:
    """A titled text with paragraphs and a list after the first of them."""
    heading = literal(title)
    first, *more = map(literal, paragraphs)
    listed = "\n".join(f"* {literal(point)}" for point in points)
    parts = [f"{heading}\n{'=' * max(len(heading), 4)}", first, listed, *more]
    return "\n\n".join(part for part in parts if part) + "\n"
