"""What a simulated study says: its truth in sentences, its files as texts.

The texts lie under ``files/`` as they will be read, with a ``$name`` where a study differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib.resources import files
from string import Template
from textwrap import fill

import pandas as pd

from heldout.simulate.answers import CONSTRUCTS
from heldout.simulate.cohort import Simulation
from heldout.simulate.course import BASELINE, FOLLOW_UPS
from heldout.simulate.forms import EVENT, FILES, RECORD, event_name
from heldout.simulate.truth import Truth

_PRIMARY = "month3"
_DROPOUT = {
    "none": "Nobody is lost.",
    "random": "Patients are lost at random.",
    "informative": "Drop-out is informative: who improves less by month 6 is lost earlier.",
}
# What the command can say; anything else was said in Python.
_OPTIONS = ("n_patients", "n_sites", "seed", "effects", "dropout")


def _area(value: float) -> str:
    """Return an area under the curve as it is printed.

    Examples
    --------
    >>> _area(0.643)
    '.64'
    """
    return f"{value:.2f}".removeprefix("0")


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
    follow_ups = {one.follow_up: one for one in truth.follow_ups}
    at = follow_ups[_PRIMARY if _PRIMARY in truth.effects_at else (*truth.effects_at, _PRIMARY)[0]]
    severity = f"Baseline MADRS alone has an AUC of {_area(at.auc_severity)} for response"
    rest = "Remission and later scores hang on baseline severity, and on whatever goes with it."
    if not truth.effects:
        return [
            "Nothing at baseline bears on how much a patient improves: no construct, nor age, "
            "sex, site or previous trials.",
            f"{severity} at {at.follow_up}, by arithmetic: a 50 % reduction is counted from it.",
            rest,
        ]
    words = {name: name.replace("_", " ") for name in CONSTRUCTS}
    everywhere = truth.effects_at == tuple(FOLLOW_UPS)
    where = "every follow-up" if everywhere else ", ".join(truth.effects_at)
    named = [
        f"{abs(size):g} SD {'more' if size > 0 else 'less'} {words[name]}"
        for name, size in truth.effects.items()
    ]
    others = [
        f"{words[name]} {at.differences[name]:+.2f}"
        for name in CONSTRUCTS
        if name not in truth.effects
    ]
    planted = [f"{words[name]} {at.differences[name]:+.2f}" for name in truth.effects]
    come_to = (
        f"Together, as these constructs are correlated, they come to {', '.join(planted)} SD at "
        f"{at.follow_up}."
    )
    return [
        f"Responders at {where} have {' and '.join(named)} at baseline"
        f"{', each if it alone worked' if len(named) > 1 else ''}.",
        *([come_to] if together and len(named) > 1 else []),
        f"What else differs between them goes along with it: {', '.join(others)} SD.",
        f"For response at {at.follow_up} the best rule on the study's scores has an AUC of "
        f"{_area(at.auc_scores)}; a rule that saw the constructs without error, "
        f"{_area(at.auc_constructs)}.",
        f"{severity}, part of it by arithmetic: a 50 % reduction is counted from it.",
        rest,
    ]


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
    for one in truth.follow_ups:
        seen = 1.0 if spec.dropout == "none" else 1 - spec.lost[one.follow_up]
        shares = [f"{share:.0%}" for share in (seen, one.response, one.remission)]
        areas = [_area(value) for value in (one.auc_constructs, one.auc_scores, one.auc_severity)]
        rows.append([one.follow_up, *shares, f"{one.madrs_mean:.1f} ({one.madrs_sd:.1f})", *areas])
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
    standard, said = Simulation(), [one.name for one in fields(spec) if one.name not in _OPTIONS]
    if any(getattr(spec, one) != getattr(standard, one) for one in said):
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
    long, data = form == "redcap", f"experiments/data/{name}"
    cells = truth_table(spec, truth)
    cells.insert(1, ["---"] * len(cells[0]))
    known = {
        "name": name,
        "seed": spec.seed,
        "n_patients": spec.n_patients,
        "n_sites": spec.n_sites,
        "file": f"{data}/{FILES[form]}",
        "layout": f", layout: long, visit: {EVENT}" if long else "",
        "patient": RECORD if long else "patient",
        "once": ", by_visit: true, visits: [baseline]" if long else "",
        "each": ", by_visit: true" if long else "",
        "command": command_of(spec, form=form, name=name),
        "truth": fill(" ".join(truth_sentences(truth)), 98),
        "table": "\n".join(f"| {' | '.join(row)} |" for row in cells),
        "dropout": _DROPOUT[spec.dropout],
        "rows": "A row a patient and event" if long else "A row a patient",
        "lost": ", ".join(str(table[f"madrs_{visit}_1"].isna().sum()) for visit in FOLLOW_UPS),
        "gaps": f"{spec.missing_items:.1%}",
    }
    known |= {
        f"code_{visit}": f", code: {event_name(visit)}" if long else ""
        for visit in (BASELINE, *FOLLOW_UPS)
    }
    pattern = "madrs_{item}" if long else "madrs_{visit}_{item}"
    shown = pattern.replace("{visit}", "V").replace("{item}", "K")
    return {
        f"configs/cohort/{name}.yaml": _filled("cohort.yaml", known | {"madrs": pattern}),
        f"configs/features/{name}.yaml": _filled("features.yaml", known),
        f"experiments/{name}.yaml": _filled("experiment.yaml", known),
        f"{data}/README.md": _filled("README.md", known | {"madrs": shown}),
    }


def _filled(file: str, known: Mapping[str, object]) -> str:
    """Return a text of ``files/`` with what is known in its places."""
    text = files("heldout.simulate").joinpath("files", file).read_text(encoding="utf-8")
    return Template(text).substitute(known)
