"""As much of Python's requirements (PEP 440, PEP 508) as the question needs: does it want numpy 1?"""

from __future__ import annotations

import re
import sys

_REQUIREMENT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?", re.DOTALL
)
_CLAUSE = re.compile(r"\s*(~=|===?|<=|<)\s*([0-9][0-9A-Za-z.+!*-]*)\s*")
_PYTHON = re.compile(r"python_version\s*(<=|>=|==|!=|<|>)\s*['\"]([0-9.]+)['\"]")


def release(version: str) -> tuple[int, ...]:
    """The numbers of a version: `2.0.1rc1+cu12` is (2, 0, 1); empty where it begins with none."""
    found = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", version)
    return tuple(int(part[:9]) for part in found[1].split(".")) if found else ()


def stays_below(requirement: str, name: str, major: int) -> str | None:
    """The specifier with which a `Requires-Dist` line keeps a distribution below a major version, or None.

    Lines for extras do not count, nor those whose marker names another Python than this one. Other markers
    are taken to hold.
    """
    found = _REQUIREMENT.match(requirement)
    if found is None or re.sub(r"[-_.]+", "-", found[1]).lower() != name or not _applies(found[3] or ""):
        return None
    clauses = (_CLAUSE.fullmatch(clause) for clause in found[2].split(","))
    capped = any(clause is not None and _caps(clause[1], release(clause[2]), major) for clause in clauses)
    return found[2].strip() if capped else None


def _caps(operator: str, bound: tuple[int, ...], major: int) -> bool:
    if operator == "<":
        return bound[0] < major or (bound[0] == major and not any(bound[1:]))
    return bound[0] < major


def _applies(marker: str) -> bool:
    return "extra" not in marker and all(
        _holds(sys.version_info[:2], operator, release(version))
        for operator, version in _PYTHON.findall(marker)
    )


def _holds(here: tuple[int, ...], operator: str, other: tuple[int, ...]) -> bool:
    return {
        "<": here < other,
        "<=": here <= other,
        ">": here > other,
        ">=": here >= other,
        "==": here == other,
        "!=": here != other,
    }[operator]
