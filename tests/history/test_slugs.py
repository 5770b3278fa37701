"""Names for the states of failed tests: whatever a label says, its names are plain, short and told apart."""

from __future__ import annotations

import re
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapstore.history.names import MAX_NAME, check_name
from snapstore.history.slugs import FAILED, LONGEST_SLUG, names_for, slug

LABELS = st.text(st.characters(), max_size=200)  # with surrogates, as labels from the command line may have


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("checkout pays twice", "checkout-pays-twice"),
        ("tests/test_shop.py::test_pays[two cards]", "tests-test_shop-py-test_pays-two-cards"),
        ("Über-Größe", "uber-groe"),
        ("--force; rm -rf ../.. \x1b[2J\n`id` $(id) 'x\" \\ %0 C:\\", "force-rm-rf-2j-id-id-x-0-c"),
        ("会計", ""),
        ("", ""),
    ],
)
def test_a_slug_has_the_words_of_a_label(label: str, words: str) -> None:
    assert slug(label) == words


def test_a_long_label_is_known_by_its_end() -> None:
    found = slug("tests/integration/checkout/test_payment.py::TestPayment::test_that_a_card_pays_twice")
    assert len(found) <= LONGEST_SLUG
    assert found.endswith("test_payment-py-testpayment-test_that_a_card_pays_twice")
    assert slug("x" * 1_000_000) == "x" * LONGEST_SLUG


@given(LABELS, st.text(max_size=5))
def test_every_name_can_be_given_and_typed(label: str, origin: str) -> None:
    names = list(islice(names_for(label, origin), 6))
    for name in names:
        check_name(name, is_new=True)
        assert re.fullmatch(r"failed/[a-z0-9_]+(-[a-z0-9_]+)*", name)
        assert len(name) < MAX_NAME
    assert len(set(names)) == len(names)


@given(LABELS, LABELS)
def test_the_names_of_two_labels_differ_but_for_the_first(one: str, other: str) -> None:
    if one != other:
        rest = [set(islice(names_for(label, "origin"), 2, 5)) for label in (one, other)]
        assert rest[0].isdisjoint(rest[1])


def test_a_label_without_a_word_has_a_hash_from_the_first() -> None:
    first, other = next(names_for("会計", "")), next(names_for("請求", ""))
    assert re.fullmatch(f"{FAILED}test-[0-9a-f]{{6}}", first)
    assert first != other
