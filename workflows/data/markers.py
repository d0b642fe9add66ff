"""Where the four marker tokens stand around two mentions, by the rule of each system."""

from collections.abc import Sequence

from dgf.model.config import Markers

Span = tuple[int, int]
"""Token positions [start, end)."""

HEAD_OPENS, HEAD_CLOSES, TAIL_OPENS, TAIL_CLOSES = -1, -2, -3, -4
"""Stand for markers in an order of tokens; marker k of the four is -1 - k."""


def mark(rule: Markers, length: int, head: Span, tail: Span, at_end: tuple[bool, bool] = (False, False)) -> list[int]:
    """Order the tokens of a sentence and its markers.

    Args:
        rule: Of the system; see `dgf.model.config.Markers`.
        length: Tokens of the sentence.
        head: Of the tokens.
        tail: Likewise.
        at_end: Whether head and tail end the sentence, which `open-ended` does not mark.

    Returns:
        Positions of tokens, and the negative numbers of markers among them; `doubled` has a token of both mentions
        twice.
    """
    if rule == "none":
        return list(range(length))
    if rule == "doubled":
        return _double(length, head, tail)
    return _nest(length, head, tail) if rule == "nested" else _leave_open(length, head, tail, at_end)


def find_spans(order: Sequence[int], head: Span, tail: Span) -> tuple[Span, Span]:
    """Find head and tail, the markers around them included, in an order that `mark` made of their tokens."""
    found = []
    for (start, end), opens, closes in ((head, HEAD_OPENS, HEAD_CLOSES), (tail, TAIL_OPENS, TAIL_CLOSES)):
        first = order.index(opens if opens in order else start)
        found.append((first, order.index(closes if closes in order else end - 1) + 1))
    return found[0], found[1]


def _nest(length: int, head: Span, tail: Span) -> list[int]:
    """Put a marker before and after each mention; of two that open or close together, the longer stands outside."""
    spans = (head, tail)
    openings = sorted(range(2), key=lambda k: spans[k][0] - spans[k][1])
    order: list[int] = []
    done = 0
    for edge in sorted({*head, *tail}):
        order += range(done, edge)
        order += [HEAD_CLOSES - 2 * k for k in reversed(openings) if spans[k][1] == edge]
        order += [HEAD_OPENS - 2 * k for k in openings if spans[k][0] == edge]
        done = edge
    return [*order, *range(done, length)]


def _double(length: int, head: Span, tail: Span) -> list[int]:
    """Write what is left of both, the mention that begins first, what is between, the other mention, and the rest.

    What is between is empty where the mentions overlap, and the rest is what follows the second one, so that words of
    both are written twice.
    """
    head_piece = [HEAD_OPENS, *range(*head), HEAD_CLOSES]
    tail_piece = [TAIL_OPENS, *range(*tail), TAIL_CLOSES]
    if tail[0] < head[0]:
        return [*range(tail[0]), *tail_piece, *range(tail[1], head[0]), *head_piece, *range(head[1], length)]
    return [*range(head[0]), *head_piece, *range(head[1], tail[0]), *tail_piece, *range(tail[1], length)]


def _leave_open(length: int, head: Span, tail: Span, at_end: tuple[bool, bool]) -> list[int]:
    """Put before each token what opens or closes there, the head's first; what the sentence's end closes stays open.

    A head right behind the tail opens before the tail closes.
    """
    before = ((HEAD_OPENS, head[0]), (HEAD_CLOSES, head[1]), (TAIL_OPENS, tail[0]), (TAIL_CLOSES, tail[1]))
    unmarked = {HEAD_CLOSES: at_end[0], TAIL_CLOSES: at_end[1]}
    order: list[int] = []
    for i in range(length + 1):
        order += [marker for marker, place in before if place == i and not unmarked.get(marker)]
        order += [i] if i < length else []
    return order
