"""Numbers, tables and paragraphs as Markdown."""

import textwrap

UNITS = ((1, 1e3, "ns", 0), (100, 1, "µs", 2), (1e4, 1, "µs", 0), (1e6, 1e-3, "ms", 1))


def us(value):
    """Microseconds, readable."""
    if value is None:
        return "–"
    for limit, factor, unit, digits in UNITS:
        if value < limit:
            return f"{value * factor:.{digits}f} {unit}"
    return f"{value * 1e-3:.0f} ms"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows), ""]


def prose(*sentences):
    """A paragraph, in lines that can be read."""
    return [*textwrap.wrap(" ".join(sentences), 118, break_on_hyphens=False, break_long_words=False), ""]


def section(title, *sentences):
    return [title, "", *prose(*sentences)]


def times(value):
    return f"{value:.2f}x" if value < 100 else f"{value:.0f}x"


def bold(text, holds):
    return text if holds else f"**{text}**"


def threads_of(rows):
    return sorted({row["threads"] for row in rows})
