"""The HTML page of a small run made by hand."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from heldout.errors import RecordError
from heldout.record import RunRecord, read_record
from heldout.report.figures import draw_figures
from heldout.report.page import render_page, write_report
from tests.cells import CALIBRATED, ELSEWHERE

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Tags in order, those that do not match, and the text with what it stands in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.misfits: list[str] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.attributes: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.misfits.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self.open), data.strip()))


@pytest.fixture
def html(record: RunRecord) -> str:
    return render_page(record, draw_figures(record))


@pytest.fixture
def page(html: str) -> Page:
    parsed = Page()
    parsed.feed(html)
    return parsed


def test_every_tag_is_closed_where_it_was_opened(page: Page) -> None:
    assert page.misfits == []
    assert page.open == []


def test_a_question_with_a_script_is_text(page: Page, record: RunRecord) -> None:
    assert "script" not in page.tags
    assert any(
        "h1" in inside and text == record.experiment["question"] for inside, text in page.texts
    )


def test_a_label_with_a_tag_is_text(page: Page) -> None:
    assert any("th" in inside and text == "Age $x_1$ <b>" for inside, text in page.texts)


def test_nothing_is_loaded_from_anywhere(html: str, page: Page) -> None:
    loads = [
        (tag, name, value)
        for tag, name, value in page.attributes
        if name in {"src", "srcset", "href", "xlink:href", "data", "action", "poster"}
        and not value.startswith("#")
    ]

    assert loads == []
    assert "link" not in page.tags
    assert "@import" not in html
    assert re.findall(r"url\((?!#)", html) == []


def test_the_first_words_of_a_simulated_study_say_so(page: Page) -> None:
    texts = [text for inside, text in page.texts if text and "body" in inside]

    assert texts[0].startswith("The data are simulated.")


def test_a_line_of_table_one_says_what_each_value_is_where_columns_are_not_seen(
    page: Page,
) -> None:
    """A narrow page sets every row as a list."""
    labels = [value for tag, name, value in page.attributes if (tag, name) == ("td", "data-label")]

    assert "Standardised difference" in labels


def test_a_page_of_numbers_and_one_of_an_old_record_can_be_made(
    numbers: RunRecord, record: RunRecord
) -> None:
    bare = replace(record, characteristics=(), reliability=(), score_audit=(), findings=())

    assert "R²" in render_page(numbers, draw_figures(numbers))
    assert "Table 1" not in render_page(bare, draw_figures(bare))


def test_a_record_of_format_1_still_makes_a_page() -> None:
    old = read_record(Path(__file__).parents[2] / "reference" / "record_format_1")

    first = old.verdict.sentences[0].replace(" %", "\N{NO-BREAK SPACE}%")
    assert first in render_page(old, draw_figures(old))


def test_a_percent_sign_stays_on_the_line_of_its_number(record: RunRecord) -> None:
    verdict = replace(record.verdict, sentences=("A 95 % interval & more.",))
    html = render_page(replace(record, verdict=verdict), draw_figures(record))

    assert "A 95\N{NO-BREAK SPACE}% interval &amp; more." in html


def test_a_page_of_a_tested_run_shows_what_noise_would_have_found(tested: RunRecord) -> None:
    html = render_page(tested, draw_figures(tested))
    parsed = Page()
    parsed.feed(html)

    assert parsed.misfits == []
    assert html.index("What noise would have found") < html.index("All models")
    labels = [
        value for tag, name, value in parsed.attributes if (tag, name) == ("div", "aria-label")
    ]
    assert any("The observed best is .80" in label for label in labels)


def test_a_page_without_a_test_does_not_speak_of_noise(html: str) -> None:
    assert "noise" not in html


def test_no_pseudonym_is_on_the_page(html: str) -> None:
    assert "pseudonym-" not in html


def test_an_explanation_of_chance_is_folded(page: Page) -> None:
    inside = next(
        inside for inside, text in page.texts if text == "no evidence that this model predicts"
    )

    assert "details" in inside
    assert ("details", "open", "") not in page.attributes


def test_the_summary_says_that_it_explains_chance(page: Page) -> None:
    assert any("summary" in inside and "explains chance" in text for inside, text in page.texts)


def test_a_declined_outcome_shows_its_reason_instead_of_a_number(
    page: Page, record: RunRecord
) -> None:
    reason = record.outcomes[1].reason
    assert any("article" in inside and text == reason for inside, text in page.texts)


def test_a_missing_p_value_reads_not_tested(page: Page) -> None:
    assert any("dd" in inside and text == "not tested" for inside, text in page.texts)


def test_what_was_not_computed_never_reads_none(page: Page) -> None:
    assert [text for _, text in page.texts if text in {"None", "nan", "NaN"}] == []


def test_a_page_with_calibration_and_sites_left_out_never_reads_none(record: RunRecord) -> None:
    full = replace(record, calibration=(CALIBRATED,), transport=(ELSEWHERE,))
    html = render_page(full, draw_figures(full))
    parsed = Page()
    parsed.feed(html)
    assert parsed.misfits == []
    words = " ".join(text for _, text in parsed.texts)
    assert "Can the probabilities be taken at their word?" in words
    assert "At a site it did not learn from" in words
    assert "None" not in words


def test_the_verdict_stands_before_every_number_of_a_model(html: str, record: RunRecord) -> None:
    assert html.index(record.verdict.sentences[0]) < html.index('<p class="auc')


def test_the_page_is_written_as_it_was_rendered(record: RunRecord, tmp_path: Path) -> None:
    figures = draw_figures(record)
    write_report(record, figures, tmp_path / "report.html")

    assert (tmp_path / "report.html").read_text(encoding="utf-8") == render_page(record, figures)


def test_a_folder_that_does_not_exist_is_named(record: RunRecord, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"report\.html: cannot be written"):
        write_report(record, draw_figures(record), tmp_path / "missing" / "report.html")
