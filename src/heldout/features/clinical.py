"""Declared columns as they stand: age, sex, body mass index, order of treatment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from heldout.cohort.inclusion import included_levels
from heldout.cohort.sources import table_of
from heldout.features.columns import FeatureColumn, Raw, Recipe
from heldout.features.known import Known, Request, find_known, raw_of, sources_at

SEX_NAMES = frozenset(("sex", "gender", "geschlecht", "sesso"))
_AGE_NAMES = frozenset(("age", "alter", "eta"))


def age_and_sex(names: Collection[str]) -> tuple[str, ...]:
    """Return which declared columns are the patients' age and sex, by their names.

    Parameters
    ----------
    names : collection of str
        Of declared columns.

    Returns
    -------
    tuple of str
        Age first; of several of a kind the first. Capitals do not count.

    Examples
    --------
    >>> age_and_sex(["Sex", "stage", "age", "gender"]), age_and_sex(["page"])
    (('age', 'Sex'), ())
    """
    known = [[name for name in names if name.casefold() in of] for of in (_AGE_NAMES, SEX_NAMES)]
    return tuple(name for every in known for name in every[:1])


def build_clinical(request: Request) -> Iterator[Raw | str]:
    """Yield declared columns: a number as it is, a category as 0 and 1.

    A category with k declared levels is k - 1 features, the first level being the reference;
    the levels are declared, not learnt, so that this reads one patient's row only. Levels and
    values that the inclusion rules leave out are left out here too.

    Parameters
    ----------
    request : Request
        Its ``columns`` name columns of kind number or category.

    Yields
    ------
    Raw or str
    """
    for number, text in enumerate(request.spec.columns):
        known = find_known(request, text, "columns", number)
        if isinstance(known, str):
            yield known
        elif known.declared.instrument is not None:
            fitting = "subscales" if "." in known.name else "totals"
            yield (
                f"{request.where('columns', number)}: builder 'clinical' cannot take '{text}'. It "
                "takes a number or a category without an instrument; for this one use "
                f"{fitting}."
            )
        elif known.declared.kind == "category":
            yield from _levels_of(request, known, text, number)
        else:
            yield raw_of(request.cohort, request.keys, known)


def _levels_of(request: Request, known: Known, text: str, number: int) -> Iterator[Raw | str]:
    """Yield a category's columns of 0 and 1."""
    spec = request.cohort.spec
    levels = included_levels(spec, known.name, known.visit)
    if len(levels) < 2:
        yield (
            f"{request.where('columns', number)}: '{text}' has one level among the included "
            "patients; it cannot differ. Remove it."
        )
        return
    source = sources_at(request.cohort, request.keys, known.name, known.visit)[0]
    missing = list(table_of(spec, known.declared.table).missing)
    called = known.called(spec.baseline)
    # All levels together would say the same twice; the first is what the others differ from.
    for code in list(levels)[1:]:
        yield level_column(
            code,
            levels,
            column=FeatureColumn(
                name=f"{called}={code}",
                label=f"{known.label}: {levels[code]}",
                inputs=(source,),
                visit=known.visit,
                builder="clinical",
                level=code,
                levels=tuple(levels),
                construct=known.declared.construct_,
            ),
            value={"name": known.name, "visit": known.visit},
            missing=missing,
        )


def level_column(
    code: str,
    levels: Mapping[str, str],
    *,
    column: FeatureColumn,
    value: Mapping[str, str],
    missing: list[str],
) -> Raw:
    """Return the column that is 1 for one code of a category."""
    (source,) = column.inputs
    return Raw(
        column=column,
        recipe=Recipe(
            steps={"kind": "level", **value, "column": source, "level": code},
            inputs={source: {"levels": list(levels), "missing": missing}},
        ),
    )
