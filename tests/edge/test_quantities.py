"""Numbers as people read them."""

from __future__ import annotations

import pytest

from edgeai.quantities import bytes_text, count_text, share_text


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (1_234_567, "1.23 MB"), (999_600, "1.00 MB"),
     (999_400, "999 kB"), (2.5e9, "2.50 GB"), (7e13, "70,000 GB"), (10**400, "1e+291 GB")],
)  # fmt: skip
def test_sizes_are_in_units_of_a_thousand(size_bytes: float, shown: str) -> None:
    assert bytes_text(size_bytes) == shown


@pytest.mark.parametrize(
    ("operations", "shown"),
    [(0, "0"), (320, "320"), (508_352, "508 k"), (300_774_272, "301 M"), (4.1e9, "4.10 G"), (2e12, "2.00 T"),
     (999_600, "1.00 M"), (999_400, "999 k"), (10**400, "1e+288 T")],
)  # fmt: skip
def test_operations_are_counted_in_thousands_millions_and_so_on(operations: float, shown: str) -> None:
    assert count_text(operations) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.98, "0.98"), (0.99991, "0.99991"), (0.9999999, "1"), (1.0, "1"), (-0.0038271, "-0.003827"), (0, "0")],
)
def test_shares_near_one_keep_what_tells_them_apart(value: float, shown: str) -> None:
    assert share_text(value) == shown
