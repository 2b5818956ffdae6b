"""Compares two texts: words exactly, numbers within the tolerance a cell declares.

|new − old| ≤ atol + rtol · |old|, as numpy.isclose has it. An atol of 1 or more is meant for counts: where a number is
printed with decimals, one unit of its last place stands for it. Without a tolerance everything is exact.

In doubt digits are words, and exact, for a false alarm is noticed and a false pass is not. Words are: what is glued to a
letter (12ms, 3x, v2), dates, hours, years, versions, addresses, ids that say so, fractions and ranges (3/4, 3-5), more
than 15 digits, leading zeros, exponents without a sign, inf and nan. An id of digits alone that doesn't say so can't be
told from a quantity: print it in a cell without a tolerance. Commas group thousands in a sentence, a table or a cell of
HTML; in a compact list they part numbers: [1,234], f(1,234), and a line of nothing but digits and commas, as in CSV.
"""

import math
import re
from collections.abc import Iterable
from decimal import Decimal

MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
# Digits that are no quantity, though they stand alone: an address or a picture within HTML; how HTML is built and what
# SVG draws; ids that say so; 8 November 2013; November 8, 2013; 2013 and 20131108.
NAME = rf"""
    \b(?:\w+://|data:\w+/)[^\s"'<>]+
  | \b(?:colspan|rowspan|points|d|transform|viewBox)="[^"]*"
  | (?i:(?:\b|_)(?:id|seed|version|port)\b)[^\w\n.]{{1,3}}\d+(?![.,]?\d)
  | (?i:\b(?:tel|phone))\b[^\w\n]{{1,3}}[\d\ ()/.-]+
  | (?<![\w.,])\d{{1,2}}\ {MONTH}(?:\ \d{{4}})?
  | \b{MONTH}\ \d{{1,2}}(?![\d%]|[.,]\d)(?:,\ \d{{4}})?
  | (?<![\w.])(?:19|20)\d\d(?:(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))?(?![\w%]|[.,]\d)
"""
# A line, a bracket, a call or a tuple that holds nothing but digits and commas; parentheses alone may hold thousands.
LIST = (
    r"(?:(?:^|(?<=[\[{;])|(?<=\w\()|(?<=\w=\())[-+−\d.,]+(?:[ \r]*$|[\]});])"
    r"|(?<=\()[-+−\d.]+(?:,[-+−\d.]+){2,}\))"
)
# Not within a name, a path, a colour, a date or an hour; with thousands or without.
NUMBER = rf"""
    (?<![\w.^/\\\#])(?<!\w[-+−])(?<!\d:)
    (?: (?<!,)(?!{LIST})[-+−]?[1-9]\d{{0,2}}(?:,\d{{3}})+(?:\.\d+)?(?!,\S)
      | [-+−]?(?:(?:0|[1-9]\d{{0,14}})(?:\.\d+)?|\.\d+)(?:[eE][-+]\d{{1,3}})?
    )
    (?!\w|\.\w|[-+−:/]\d|-\w)
"""
DIGITS = re.compile(rf"{NAME} | (?P<number>{NUMBER})", re.VERBOSE | re.MULTILINE)
GAP = re.compile(" +")
RULE = re.compile("-{3,}|[─═━]+")


def tolerance(tags: Iterable[str]) -> tuple[float, float]:
    """(rtol, atol) from a cell's tags. Raises ValueError for a tolerance that is not a number from 0 to 1 (rtol)."""
    found = {"rtol": 0.0, "atol": 0.0}
    for tag in tags:
        name, equals, text = tag.partition("=")
        if equals and name in found:
            found[name] = float(text)
            if not (math.isfinite(found[name]) and found[name] >= 0 and (name == "atol" or found[name] <= 1)):
                raise ValueError(f"The tag {tag!r} is not a tolerance: rtol goes from 0 to 1, atol from 0.")
    return found["rtol"], found["atol"]


def difference(old: str, new: str, rtol: float = 0.0, atol: float = 0.0) -> str | None:
    """What differs between two texts beyond the tolerance, in one sentence; None when nothing does."""
    if old == new:
        return None
    if not (rtol or atol):
        return f"expected {_around(old, new)}"
    (words, numbers), (new_words, new_numbers) = _read(old), _read(new)
    if len(numbers) != len(new_numbers):
        return f"text differs: expected {_around('<number>'.join(words), '<number>'.join(new_words))}"
    pairs = list(zip(numbers, new_numbers, strict=True))
    # A column is padded as wide as its longest number, so a gap may follow the widths of two numbers, no further.
    slack = 2 * max((abs(len(was) - len(is_)) for was, is_ in pairs), default=0)
    for was, is_ in zip(words, new_words, strict=True):
        if not _same_words(was, is_, slack):
            return f"text differs: expected {_around(was, is_)}"
    for was, is_ in pairs:
        if not _close(_decimal(was), _decimal(is_), Decimal(str(rtol)), Decimal(str(atol))):
            return f"{is_} is not within rtol={rtol:g}, atol={atol:g} of {was}"
    return None


def _read(text: str) -> tuple[list[str], list[str]]:
    """A text's numbers, and the words before, between and after them: one more."""
    words, numbers, at = [], [], 0
    for found in DIGITS.finditer(text):
        if found["number"]:
            words.append(text[at : found.start()])
            numbers.append(found["number"])
            at = found.end()
    return [*words, text[at:]], numbers


def _same_words(old: str, new: str, slack: int) -> bool:
    """Whether two texts are the same but for gaps of up to `slack` spaces, and the lengths of drawn rules."""
    old, new = (f" {text} ".replace("\n", " \n ") for text in (old, new))  # a gap may vanish at an edge
    plain = [RULE.sub("---", GAP.sub(" ", text)) for text in (old, new)]
    gaps = zip(GAP.findall(old), GAP.findall(new), strict=False)
    return plain[0] == plain[1] and all(abs(len(was) - len(is_)) <= slack for was, is_ in gaps)


def _close(old: Decimal, new: Decimal, rtol: Decimal, atol: Decimal) -> bool:
    last_place = min(int(number.as_tuple().exponent) for number in (old, new))
    if atol >= 1 and last_place < 0:
        atol = Decimal(1).scaleb(last_place)
    return abs(new - old) <= atol + rtol * abs(old)


def _decimal(number: str) -> Decimal:
    """Exact: 0.451 and 0.452 are 0.001 apart."""
    return Decimal(number.replace(",", "").replace("−", "-"))


def _around(old: str, new: str) -> str:
    """The first place where two texts part, with a little of what stands there."""
    at = next((i for i, (x, y) in enumerate(zip(old, new, strict=False)) if x != y), min(len(old), len(new)))
    cut = slice(max(0, at - 20), at + 60)
    return f"{old[cut]!r}, got {new[cut]!r}"
