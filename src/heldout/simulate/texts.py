"""What a simulated study says: its truth in sentences, its files as texts.

The texts lie under ``files/`` as they will be read, with a ``$name`` where a study differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from importlib.resources import files
from string import Template
from textwrap import fill

import pandas as pd

from heldout.simulate.answers import CONSTRUCTS
from heldout.simulate.cohort import Simulation
from heldout.simulate.course import BASELINE, FOLLOW_UPS
from heldout.simulate.forms import EVENT, FORMS, RECORD, event_name
from heldout.simulate.truth import FollowUpTruth, Truth
from heldout.wording import decimal, spoken

_PRIMARY = "month3"
_DROPOUT = {
    "none": "Nobody is lost.",
    "random": "Patients are lost at random.",
    "informative": "Drop-out is informative: who improves less by month 6 is lost earlier.",
}
# What the command can say; anything else was said in Python.
_OPTIONS = ("n_patients", "n_sites", "seed", "effects", "dropout")


def truth_sentences(truth: Truth, *, together: bool = False) -> list[str]:
    """Return what is true in a simulated cohort, in words.

    Parameters
    ----------
    truth : Truth
        From `find_truth`.
    together : bool
        Say also what several effects come to together, which differs from what was asked for.

    Returns
    -------
    list of str
        Sentences; the first says what matters.
    """
    follow_ups = {at.follow_up: at for at in truth.follow_ups}
    at = follow_ups[_PRIMARY if _PRIMARY in truth.effects_at else (*truth.effects_at, _PRIMARY)[0]]
    severity = f"Baseline MADRS alone has an AUC of {decimal(at.auc_severity)} for response"
    rest = "Remission and later scores hang on baseline severity, and on whatever goes with it."
    if not truth.effects:
        return [
            "Nothing at baseline bears on how much a patient improves: no construct, nor age, "
            "sex, site or previous trials.",
            f"{severity} at {at.follow_up}, by arithmetic: a 50 % reduction is counted from it.",
            rest,
        ]
    others = [name for name in CONSTRUCTS if name not in truth.effects]
    return [
        *_effect_sentences(truth, at, together=together),
        f"What else differs between them goes along with it: {_differences(at, others)} SD.",
        f"For response at {at.follow_up} the best rule on the study's scores has an AUC of "
        f"{decimal(at.auc_scores)}; a rule that saw the constructs without error, "
        f"{decimal(at.auc_constructs)}.",
        f"{severity}, part of it by arithmetic: a 50 % reduction is counted from it.",
        rest,
    ]


def _effect_sentences(truth: Truth, at: FollowUpTruth, *, together: bool) -> Iterator[str]:
    """Yield the effects asked for, and what several come to together if that is to be said."""
    everywhere = truth.effects_at == tuple(FOLLOW_UPS)
    where = "every follow-up" if everywhere else ", ".join(truth.effects_at)
    named = [
        f"{abs(size):g} SD {'more' if size > 0 else 'less'} {spoken(name)}"
        for name, size in truth.effects.items()
    ]
    alone = ", each if it alone worked" if len(named) > 1 else ""
    yield f"Responders at {where} have {' and '.join(named)} at baseline{alone}."
    if together and alone:
        yield (
            "Together, as these constructs are correlated, they come to "
            f"{_differences(at, truth.effects)} SD at {at.follow_up}."
        )


def _differences(at: FollowUpTruth, names: Iterable[str]) -> str:
    """Return by how much responders differ in constructs, in SD."""
    return ", ".join(f"{spoken(name)} {at.differences[name]:+.2f}" for name in names)


def truth_table(spec: Simulation, truth: Truth) -> list[list[str]]:
    """Return the truth at every follow-up as rows of cells, their names first.

    Parameters
    ----------
    spec : Simulation
        Says who is seen.
    truth : Truth
        From `find_truth`.

    Returns
    -------
    list of list of str
    """
    names = ["follow-up", "seen", "response", "remission", "MADRS (SD)"]
    rows = [[*names, "AUC: constructs", "scores", "MADRS alone"]]
    for at in truth.follow_ups:
        seen = 1.0 if spec.dropout == "none" else 1 - spec.lost[at.follow_up]
        shares = [f"{share:.0%}" for share in (seen, at.response, at.remission)]
        areas = map(decimal, (at.auc_constructs, at.auc_scores, at.auc_severity))
        rows.append([at.follow_up, *shares, f"{at.madrs_mean:.1f} ({at.madrs_sd:.1f})", *areas])
    return rows


def command_of(spec: Simulation, *, form: str, name: str) -> str:
    """Return the command that makes a study again, or the call where no command can.

    Parameters
    ----------
    spec : Simulation
        What was asked for.
    form : str
        Of its table.
    name : str
        Of the study.

    Returns
    -------
    str
        On one line.
    """
    standard, unsaid = Simulation(), {field.name for field in fields(spec)} - {*_OPTIONS}
    if any(getattr(spec, name) != getattr(standard, name) for name in unsaid):
        return f'write_cohort(simulate_cohort({spec}), DIR, form="{form}", name="{name}")'
    effects = "".join(f" --effect {effect}={size:g}" for effect, size in spec.effects.items())
    return (
        f"heldout simulate DIR --name {name} --patients {spec.n_patients} --sites {spec.n_sites}"
        f"{effects} --dropout {spec.dropout} --format {form} --seed {spec.seed}"
    )


def study_texts(
    spec: Simulation, truth: Truth, table: pd.DataFrame, *, form: str, name: str
) -> Mapping[str, str]:
    """Return the text files of a study by their path in its folder.

    Parameters
    ----------
    spec : Simulation
        What was asked for.
    truth : Truth
        From `find_truth`.
    table : DataFrame
        From `simulate_table`; says how many were lost.
    form : str
        Of the table.
    name : str
        Of the study.

    Returns
    -------
    mapping of str to str
        The cohort file, features, experiment, and the page beside the table.
    """
    data = f"experiments/data/{name}"
    head, *rows = truth_table(spec, truth)
    known = _forms_words(long=form == "redcap") | {
        "name": name,
        "seed": spec.seed,
        "n_patients": spec.n_patients,
        "n_sites": spec.n_sites,
        "file": f"{data}/{FORMS[form][0]}",
        "command": command_of(spec, form=form, name=name),
        "truth": fill(" ".join(truth_sentences(truth)), 98),
        "table": "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)),
        "dropout": _DROPOUT[spec.dropout],
        "lost": ", ".join(str(table[f"madrs_{visit}_1"].isna().sum()) for visit in FOLLOW_UPS),
        "gaps": f"{spec.missing_items:.1%}",
    }
    return {
        f"configs/cohort/{name}.yaml": _filled("cohort.yaml", known),
        f"configs/features/{name}.yaml": _filled("features.yaml", known),
        f"experiments/{name}.yaml": _filled("experiment.yaml", known),
        f"{data}/README.md": _filled("README.md", known),
    }


def _forms_words(*, long: bool) -> dict[str, object]:
    """Return what the files say of the table's form."""
    pattern = "madrs_{item}" if long else "madrs_{visit}_{item}"
    visits = (BASELINE, *FOLLOW_UPS)
    return {
        **{f"code_{name}": f", code: {event_name(name)}" if long else "" for name in visits},
        "layout": f", layout: long, visit: {EVENT}" if long else "",
        "patient": RECORD if long else "patient",
        "once": ", by_visit: true, visits: [baseline]" if long else "",
        "each": ", by_visit: true" if long else "",
        "rows": "A row a patient and event" if long else "A row a patient",
        "madrs": pattern,
        "madrs_shown": pattern.replace("{visit}", "V").replace("{item}", "K"),
    }


def _filled(file: str, known: Mapping[str, object]) -> str:
    """Return a text of ``files/`` with what is known in its places."""
    text = files("heldout.simulate").joinpath("files", file).read_text(encoding="utf-8")
    return Template(text).substitute(known)
