"""The search text: what is stored and what is asked are folded alike, so that a substring is enough.

Chinese has no word breaks, so a substring of one character and more must find; LIKE over folded text needs no
extension of the database.
"""

from collections.abc import Iterable

from shared.kernel.names import fold

__all__ = ["fold", "like_pattern", "search_text", "words_of"]


def words_of(query: str) -> tuple[str, ...]:
    """The folded words of a query, each once; all of them must be found."""
    return tuple(dict.fromkeys(filter(None, map(fold, query.split()))))


def like_pattern(word: str) -> str:
    """A LIKE pattern that finds the word anywhere; wildcards in the word stand for themselves."""
    escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def search_text(parts: Iterable[str]) -> str:
    """The folded text under which a row is found; a bar keeps words from matching across parts."""
    return " | ".join(fold(part) for part in parts)
