"""Which small breaks of the software no test notices.

    python benchmarks/mutations.py                 # all breaks; within an hour on two cores
    python benchmarks/mutations.py --only shap-sum
    python benchmarks/mutations.py --jobs 2

Every break is made in a copy of the tree, never in the tree itself, and the tests named beside it
run there. `red` is good: a test fails. `GREEN` is a test that is missing; the command then ends
with status 1.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parent.parent
# What pytest ends with if tests failed; anything else but 0 means that they did not run.
FAILED = 1
# Packages and modules of which a part is compiled.
COMPILED = ("kernels", "splits")
COPIED = ("src", "tests", "configs", "experiments", "benchmarks", "docs")


@dataclass(frozen=True, slots=True)
class Break:
    """One small break: in a file of the package, an old text that stands once becomes a new one."""

    name: str
    file: str
    old: str
    new: str
    why: str
    tests: tuple[str, ...]

    @property
    def package(self) -> str:
        """The package or module of `heldout` that is broken."""
        return self.file.split("/")[0].removesuffix(".py")


def _path_of(test: str) -> str:
    """Return where tests, or a module with doctests, are."""
    return test if test.startswith("src/") else f"tests/{test}"


def broken(name: str, file: str, old: str, new: str, why: str, *tests: str) -> Break:
    """Return a break; tests are named below ``tests``, doctests by their module."""
    return Break(name, file, old, new, why, tuple(_path_of(test) for test in tests))


BREAKS = (
    broken(
        "firth-leverage",
        "kernels/firth_logistic.py",
        " + leverage * (0.5 - p)",
        "",
        "Firth's score is the likelihood's, modified by the leverages",
        "unit/kernels/test_firth_logistic.py",
    ),
    broken(
        "firth-intercept",
        "kernels/firth_logistic.py",
        "    solution[p] += _corrected(margins, answers, weights)\n",
        "",
        "the mean probability is the share of events",
        "unit/kernels/test_firth_logistic.py",
    ),
    broken(
        "corrected-interval",
        "metrics/intervals.py",
        "1 / n + 1 / (n_folds - 1)",
        "1 / n",
        "folds share training patients",
        "unit/metrics/test_differences.py",
    ),
    broken(
        "drawn-twice",
        "study/resampling.py",
        "weights=outcome.weights * times",
        "weights=outcome.weights",
        "who is drawn twice counts twice",
        "unit/study/test_resampling.py",
    ),
    broken(
        "not-drawn",
        "study/resampling.py",
        "outcome.observed & (times > 0)",
        "outcome.observed",
        "who was not drawn teaches nobody",
        "unit/study/test_resampling.py",
    ),
    broken(
        "fold-parts",
        "metrics/numbers.py",
        "(share * reference).sum()",
        "reference.sum()",
        "the folds' parts add up to the weighted R squared",
        "unit/metrics/test_differences.py",
    ),
    broken(
        "difference-pair",
        "study/scoring.py",
        "names = (HEADLINE, model.name)",
        "names = (model.name, HEADLINE)",
        "the headline minus the reference",
        "unit/study/test_assembly.py",
    ),
    broken(
        "constant-interval",
        "study/scoring.py",
        "            cells[model.name] = _without_interval(cells[model.name])\n",
        "            pass\n",
        "nobody doubts the estimate of a model that says the same of everybody",
        "unit/study/test_assembly.py",
    ),
    broken(
        "age-alone",
        "features/clinical.py",
        "for of in (_AGE_NAMES, SEX_NAMES)]",
        "for of in (_AGE_NAMES,)]",
        "a reference knows sex too",
        "unit/features/test_features.py",
    ),
    broken(
        "shap-sum",
        "study/assembly.py",
        "    shap /= plan.design.n_repeats\n",
        "",
        "SHAP is the mean over repeats, not the sum",
        "unit/study/test_assembly.py",
    ),
    broken(
        "seen-sum",
        "study/assembly.py",
        "    seen /= plan.design.n_repeats\n",
        "",
        "a composite's value is the mean over folds",
        "whole/test_composed.py",
    ),
    broken(
        "primary",
        "study/assembly.py",
        "if outcome.primary and",
        "if not outcome.primary and",
        "the headline named beforehand decides",
        "unit/study/test_assembly.py",
    ),
    broken(
        "sd",
        "study/assembly.py",
        "values.std(ddof=1)",
        "values.std(ddof=0)",
        "the spread of a sample",
        "unit/study/test_notebook.py",
    ),
    broken(
        "unit-order",
        "study/units.py",
        "rows[~held_out], rows[held_out]",
        "rows[held_out], rows[~held_out]",
        "training and held-out patients",
        "unit/study/test_assembly.py",
    ),
    broken(
        "unit-keys",
        "study/units.py",
        "set(result) == keys",
        "set(result) <= keys",
        "a damaged unit is done again",
        "unit/study/test_units.py",
    ),
    broken(
        "unit-file",
        "study/units.py",
        "-f{self.fold}.json",
        "-f0.json",
        "each unit has its own file",
        "unit/study/test_units.py",
    ),
    broken(
        "fewest-patients",
        "study/design.py",
        "_FEWEST_PATIENTS = 10",
        "_FEWEST_PATIENTS = 9",
        "ten patients are the fewest",
        "unit/study/test_notebook.py",
    ),
    broken(
        "last-fit",
        "study/work.py",
        "_LAST_FIT = 60_000.0",
        "_LAST_FIT = 0.0",
        "time of the last fits",
        "unit/study/test_work.py",
    ),
    broken(
        "usual-permutations",
        "study/work.py",
        "_USUAL_PERMUTATIONS = 200",
        "_USUAL_PERMUTATIONS = 6000",
        "time of a test that stops early",
        "unit/study/test_work.py",
    ),
    broken(
        "ledger-line",
        "files.py",
        "            with suppress(ValueError):\n                yield json.loads(line)",
        "            yield json.loads(line)",
        "a broken line loses that line only",
        "unit/study/test_ledger.py",
    ),
    broken(
        "ledger-count",
        "study/ledger.py",
        'and entry["fingerprint"] not in seen',
        "",
        "the same experiment again is no further look",
        "unit/study/test_ledger.py",
    ),
    broken(
        "ledger-data",
        "study/ledger.py",
        'if entry["data"] == record.data_fingerprint and',
        "if",
        "looks at other data do not count",
        "unit/study/test_ledger.py",
    ),
    broken(
        "held-out-learns",
        "nested/training.py",
        "roles[number][folds, rows] = HELD_OUT",
        "roles[number][folds, rows] = LEARN",
        "inner folds are held out",
        "unit/test_tuning.py",
    ),
    broken(
        "outer-learns",
        "nested/training.py",
        "roles[number, -1, left_out] = HELD_OUT",
        "roles[number, -1, left_out] = LEARN",
        "outer folds are held out",
        "unit/test_tuning.py",
        "leakage/test_poison.py",
    ),
    broken(
        "mixing",
        "nested/training.py",
        " / len(piece.signs)",
        "",
        "a composite is a mean",
        "unit/kernels/test_preparation.py",
        "unit/models/test_pieces.py",
    ),
    broken(
        "first-folds",
        "nested/judging.py",
        "FIRST_FOLDS = 2",
        "FIRST_FOLDS = 1",
        "of one fold a few patients decide",
        "unit/test_tuning.py",
    ),
    broken(
        "rounding",
        "nested/judging.py",
        "<= 0.5 + _ROUNDING",
        "<= 1.5 + _ROUNDING",
        "a probability lies between 0 and 1",
        "unit/test_tuning.py",
    ),
    broken(
        "observed-counts",
        "inference/permutation.py",
        "comparison]).sum()) + 1) / len(rows)",
        "comparison]).sum())) / len(rows)",
        "no p is 0",
        "unit/test_permutations.py",
    ),
    broken(
        "too-many",
        "inference/permutation.py",
        "counts >= too_many",
        "counts > too_many",
        "exceedances that decide a p above .05",
        "unit/test_permutations.py",
    ),
    broken(
        "too-few",
        "inference/permutation.py",
        "counts + left < too_many",
        "counts + left <= too_many",
        "a test ends only when it is decided",
        "unit/test_permutations.py",
    ),
    broken(
        "asked-family",
        "study/permutations.py",
        "if column in asked else everything",
        "if column in asked else (column,)",
        "a model's adjusted p counts every model",
        "unit/test_permutations.py",
    ),
    broken(
        "first-question",
        "inference/verdict.py",
        "return first and (",
        "return (",
        "a prediction counts only after something is there",
        "unit/test_verdict.py",
    ),
    broken(
        "residuals",
        "inference/moving.py",
        "fitted + (outcome.scores - fitted)[order]",
        "fitted[order] + (outcome.scores - fitted)[order]",
        "every patient keeps what the own severity explains",
        "unit/test_permutations.py",
    ),
    broken(
        "patterns",
        "inference/moving.py",
        "    while len(groups) > 1:\n",
        "    while False:\n",
        "few who missed the same visits are joined",
        "unit/test_permutations.py",
    ),
    broken(
        "severity-out",
        "inference/associations.py",
        "if of_score and outcome.has_severity:",
        "if False:",
        "severity is taken out of both sides",
        "unit/test_associations.py",
    ),
    broken(
        "ties",
        "inference/permutation.py",
        ">= scores[0, list(made.columns)].max() - _EQUAL",
        "> scores[0, list(made.columns)].max() + _EQUAL",
        "ties count against a finding",
        "unit/test_permutations.py",
    ),
    broken(
        "sites-mixed",
        "inference/moving.py",
        "if site is None else site\n    groups",
        "if True else site\n    groups",
        "scores move within sites",
        "unit/test_inference.py",
        "unit/test_permutations.py",
    ),
    broken(
        "not-finite",
        "inference/permutation.py",
        "worst[:1] = -np.inf",
        "worst[:1] = np.inf",
        "what is not finite never speaks for a finding",
        "unit/test_permutations.py",
    ),
    broken(
        "arithmetic-chance",
        "inference/arithmetic.py",
        "kind.chance + abs(",
        "kind.chance - abs(",
        "a reversed guess knows as much",
        "unit/test_permutations.py",
    ),
    broken(
        "margin-low",
        "inference/cells.py",
        "max(nothing, self.arithmetic)",
        "min(nothing, self.arithmetic)",
        "chance lies where arithmetic puts it",
        "unit/test_verdict.py",
    ),
    broken(
        "chance-class",
        "kinds.py",
        "chance=0.5",
        "chance=0.4",
        "chance of an AUC",
        "unit/test_verdict.py",
    ),
    broken(
        "rank-auc",
        "kinds.py",
        "(len(events) + 1) / 2)",
        "len(events) / 2)",
        "the AUC of a guess",
        "unit/test_inference.py",
    ),
    broken(
        "n-others",
        "kinds.py",
        "len(held_out.answers) - n_events",
        "len(held_out.answers)",
        "an interval counts non-events",
        "unit/test_inference.py",
    ),
    broken(
        "seed-names",
        "splits.py",
        "(seed, *names)",
        "(seed,)",
        "each draw has its own seed",
        "unit/test_splits.py",
    ),
    broken(
        "fill-twice",
        "splits.py",
        "n_smaller - largest_share < 2",
        "n_smaller - largest_share < 1",
        "inner folds need both answers twice",
        "unit/test_splits.py",
    ),
    broken(
        "thirds",
        "splits.py",
        "(ranks - 0.5)",
        "(ranks - 1.0)",
        "groups of ranks",
        "unit/test_splits.py",
    ),
    broken(
        "site-balance",
        "splits.py",
        "lacking_site[best, site] -= 1",
        "lacking_site[best, site] -= 0",
        "sites are spread over folds",
        "unit/test_splits.py",
    ),
    broken(
        "outside-twice",
        "splits.py",
        "(outside >= 2)",
        "(outside >= 0)",
        "training sets hold both answers twice",
        "unit/test_splits.py",
    ),
    broken(
        "skill",
        "metrics/probability.py",
        "return 1 - brier_score",
        "return 2 - brier_score",
        "0 is no better than the prevalence",
        "unit/metrics/test_probability.py",
    ),
    broken(
        "same-patients",
        "findings/data.py",
        "FEWEST_LOST, SAME_PATIENTS = 3, 0.9",
        "FEWEST_LOST, SAME_PATIENTS = 3, 0.5",
        "when two columns miss in the same patients",
        "unit/findings/test_data.py",
    ),
    broken(
        "fewest-lost",
        "findings/data.py",
        "FEWEST_LOST, SAME_PATIENTS = 3, 0.9",
        "FEWEST_LOST, SAME_PATIENTS = 2, 0.9",
        "when lost patients are enough to say so",
        "unit/findings/test_data.py",
    ),
    broken(
        "attrition",
        "findings/method.py",
        "ATTRITION_WORTH_SAYING = 0.10",
        "ATTRITION_WORTH_SAYING = 0.2",
        "HO002 speaks above a tenth",
        "unit/findings/test_method.py",
    ),
    broken(
        "attrition-lower",
        "findings/method.py",
        "ATTRITION_WORTH_SAYING = 0.10",
        "ATTRITION_WORTH_SAYING = 0.095",
        "HO002 passes at a tenth",
        "unit/findings/test_method.py",
    ),
    broken(
        "events-boundary",
        "findings/method.py",
        "if size.n < size.required(ANTICIPATED_C)",
        "if size.n <= size.required(ANTICIPATED_C)",
        "HO001 passes at the patients that are needed",
        "unit/findings/test_method.py",
    ),
    broken(
        "events-rarer",
        "inference/sizes.py",
        "min(self.events, self.n - self.events)",
        "self.events",
        "the rarer class informs a model",
        "unit/findings/test_method.py",
    ),
    broken(
        "sigmoid",
        "kernels/criteria.py",
        "1.0 / (1.0 + e) if margin >= 0",
        "1.0 / (1.0 + e) if margin < 0",
        "log-odds become probabilities",
        "unit/kernels",
        "unit/test_tuning.py",
    ),
    broken(
        "paired-ties",
        "kernels/criteria.py",
        "if margins[i] < margins[j]:",
        "if margins[i] > margins[j]:",
        "a pair in the wrong order is a loss",
        "unit/kernels/test_nested.py",
        "unit/test_tuning.py",
    ),
    broken(
        "still",
        "kernels/preparation.py",
        "deviation < 10 * _EPSILON",
        "deviation < 1e9 * _EPSILON",
        "a column that varies a little is scaled",
        "unit/kernels/test_preparation.py",
    ),
    broken(
        "prorate",
        "instruments/arithmetic.py",
        "n_there * of >= needed * n_parts",
        "n_there * of > needed * n_parts",
        "half of the items is enough where half is asked",
        "unit/instruments/test_scoring.py",
        "contracts/test_instruments.py",
    ),
    broken(
        "prorate-low",
        "instruments/arithmetic.py",
        "lows.sum() + share * spans.sum()",
        "share * spans.sum()",
        "a filled sum begins at the lowest score",
        "unit/instruments",
        "contracts/test_instruments.py",
    ),
    broken(
        "suicidality",
        "instruments/arithmetic.py",
        "values[silent] = np.nan",
        "values[silent] = 0.0",
        "no total without the item on suicide",
        "unit/instruments",
        "contracts/test_instruments.py",
    ),
    broken(
        "pooled",
        "describe/table_one.py",
        "(len(first) + len(second) - 2)",
        "(len(first) + len(second))",
        "the pooled standard deviation",
        "src/heldout/describe/table_one.py",
        "unit/describe",
    ),
    broken(
        "reliable",
        "describe/reliability.py",
        "_RELIABLE = 1.96",
        "_RELIABLE = 1.64",
        "the reliable change at 95 %",
        "unit/describe",
    ),
    broken(
        "alpha",
        "describe/reliability.py",
        "values.var(axis=0, ddof=1).sum()",
        "values.var(axis=0, ddof=0).sum()",
        "Cronbach's alpha",
        "unit/describe",
        "src/heldout/describe/reliability.py",
    ),
    broken(
        "change-bounds",
        "features/change.py",
        "(bounds[0] - high, bounds[1] - low)",
        "(bounds[0] - low, bounds[1] - high)",
        "the range of a change",
        "unit/features/test_builders.py",
        "unit/features/test_laws.py",
    ),
    broken(
        "change-range",
        "features/change.py",
        "(bounds[0] - high, bounds[1] - low)",
        "(bounds[0] - low, bounds[1] - high)",
        "the range of late minus early",
        "unit/features/test_builders.py",
        "unit/features/test_features.py",
    ),
    broken(
        "percent-change",
        "outcomes/conditions.py",
        "100 * (score - baseline)",
        "100 * (baseline - score)",
        "a change in percent has its sign",
        "unit/outcomes",
    ),
    broken(
        "smaller-class",
        "outcomes/outcome.py",
        "int(self.observed.sum()) - self.events)",
        "self.events)",
        "the rarer class",
        "unit/outcomes",
        "unit/study/test_notebook.py",
    ),
    broken(
        "p-digits",
        "wording.py",
        "2 if p >= 0.1 else 3",
        "2 if p > 0.1 else 3",
        "digits of a p",
        "src/heldout/wording.py",
        "unit/report",
    ),
    broken(
        "percent-none",
        "wording.py",
        "round(100 * (share or 0.0))",
        "int(100 * (share or 0.0))",
        "whole percents are rounded",
        "src/heldout/wording.py",
    ),
    broken(
        "name-data",
        "provenance.py",
        "[fingerprint, data_fingerprint, code_digest()",
        "[fingerprint, code_digest()",
        "another table is another run",
        "unit/test_provenance.py",
    ),
    broken(
        "name-length",
        "provenance.py",
        ".hexdigest()[:12]",
        ".hexdigest()[:11]",
        "a run's name has twelve digits",
        "unit/test_provenance.py",
    ),
    broken(
        "engine-first",
        "engine/engine.py",
        "islice(remaining, 2)",
        "islice(remaining, 0)",
        "no unit is lost",
        "unit/test_engine.py",
    ),
    broken(
        "seats",
        "engine/units.py",
        "AGAIN = 3",
        "AGAIN = 300",
        "workers that die again and again are given up",
        "unit/test_engine.py",
    ),
    broken(
        "digest-digits",
        "tracking/shown.py",
        "_DIGEST_DIGITS = 12",
        "_DIGEST_DIGITS = 3",
        "digests that a reader compares are long enough to differ",
        "unit/test_tracking.py",
    ),
    broken(
        "step",
        "tracking/runs.py",
        "for step, value in enumerate(values)",
        "for step, value in enumerate(values, 1)",
        "a run's folds are counted from 0, as in the record",
        "unit/test_tracking.py",
    ),
    broken(
        "above-chance",
        "report/explanations.py",
        "and cell.margin_low > 0",
        "and cell.margin_low < 0",
        "only what beats chance is explained",
        "unit/report",
    ),
    broken(
        "noise-reached",
        "report/noise.py",
        "area >= observed - _EQUAL",
        "area > observed + _EQUAL",
        "ties count as reached",
        "unit/report",
    ),
    broken(
        "few-patients",
        "report/patients.py",
        "_FEW = 5",
        "_FEW = 1",
        "small groups are not shown",
        "unit/report",
    ),
    broken(
        "composed-sd",
        "export/predict.py",
        ' / np.array(piece["sd"])',
        "",
        "composites are of standardised columns",
        "unit/export",
        "whole/test_composed.py",
    ),
    broken(
        "bundle-order",
        "export/predict.py",
        "FIRST_ROW = 2",
        "FIRST_ROW = 1",
        "rows are numbered as spreadsheets do",
        "unit/export",
    ),
    broken(
        "explained",
        "simulate/cohort.py",
        "_MOST_EXPLAINED = 0.9",
        "_MOST_EXPLAINED = 9",
        "effects that explain too much are refused",
        "unit/simulate",
    ),
    broken(
        "rate",
        "simulate/cohort.py",
        "0.05 <= spec.response_rate <= 0.95",
        "0.0 <= spec.response_rate <= 1",
        "a response rate that can be simulated",
        "unit/simulate",
    ),
    broken(
        "cli-zero",
        "cli/parser.py",
        "int(text) < 1",
        "int(text) < 0",
        "no workers are refused",
        "whole/test_faults.py",
        "whole/test_terminal.py",
    ),
    broken(
        "few-dates",
        "draft/dates.py",
        "FEW = 0.05",
        "FEW = 0.5",
        "a column of dates holds dates",
        "unit/draft",
    ),
    broken(
        "draft-near",
        "draft/dates.py",
        "_NEAR = 31",
        "_NEAR = 3",
        "visits that lie near each other",
        "unit/draft",
    ),
    broken(
        "late-visit",
        "cohort/visits.py",
        "early = (days < 0) & (due > 0)",
        "early = (days > 0) & (due > 0)",
        "a day before baseline in a later visit",
        "unit/cohort",
    ),
    broken(
        "no-control",
        "cohort/memory.py",
        'if lacking := int((names == "").sum()):',
        "if lacking := 0:",
        "a patient has a name",
        "unit/study/test_notebook.py",
        "unit/cohort/test_memory.py",
    ),
    broken(
        "spec-day0",
        "spec/cohort.py",
        "visit.day == 0",
        "visit.day == 1",
        "day 0 is the baseline's",
        "unit/spec",
        "unit/cohort/test_visits.py",
    ),
    broken(
        "shorten",
        "spec/faults.py",
        "len(text) <= 60",
        "len(text) <= 6000",
        "a message quotes sixty characters",
        "unit/spec",
    ),
    broken(
        "references",
        "models/named.py",
        "if not all(model.reference",
        "if not any(model.reference",
        "a study of references alone is refused",
        "unit/models",
        "unit/study/test_notebook.py",
    ),
    broken(
        "prune",
        "models/named.py",
        "if not experiment.tuning.prune or not compiled",
        "if True",
        "kernels judge all candidates at once",
        "unit/models",
        "unit/spec",
        "unit/test_tuning.py",
    ),
    broken(
        "penalty",
        "models/catalogue.py",
        "_TIGHT = 1e-10",
        "_TIGHT = 1e-1",
        "the library solves to the end",
        "unit/models/test_catalogue.py",
        "unit/kernels/test_elastic_net.py",
    ),
    broken(
        "line-first",
        "files.py",
        'b"\\n" + line.encode()',
        'line.encode() + b"\\n"',
        "what follows a half line stands on its own",
        "unit/test_files.py",
        "unit/study/test_ledger.py",
    ),
    broken(
        "exclusive",
        "files.py",
        "secrets.token_hex(4)",
        "'x'",
        "nobody else writes the same hidden file",
        "unit/test_files.py",
    ),
    broken(
        "append",
        "files.py",
        "os.O_APPEND | os.O_CREAT",
        "os.O_TRUNC | os.O_CREAT",
        "lines are added",
        "unit/test_files.py",
        "unit/study/test_ledger.py",
    ),
    broken(
        "ctrl-c",
        "system.py",
        "signal.pthread_sigmask(signal.SIG_SETMASK, before)",
        "pass",
        "Ctrl-C is taken again afterwards",
        "unit/test_system.py",
    ),
)


def copy_tree(folder: Path) -> None:
    """Copy what tests need."""
    for path in ROOT.iterdir():
        if path.name in COPIED:
            shutil.copytree(path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.is_file() and path.name != ".git":
            shutil.copy2(path, folder)


def survives(change: Break, trees: Queue[Path]) -> bool:
    """Return whether the tests named beside a break pass in spite of it.

    Raises
    ------
    RuntimeError
        If they could not be run.
    """
    # Compiled kernels are kept in the copy, which saves most of the time. What is compiled into
    # others is not seen to have changed there, so that a break of it has a copy of its own.
    if change.package in COMPILED:
        with tempfile.TemporaryDirectory(prefix="heldout-mutations-") as name:
            copy_tree(Path(name))
            return passes(change, Path(name))
    folder = trees.get()
    try:
        return passes(change, folder)
    finally:
        trees.put(folder)


def passes(change: Break, folder: Path) -> bool:
    """Return whether tests pass in a copy of the tree with a break, which is mended afterwards."""
    path = folder / "src" / "heldout" / change.file
    whole, before = path.read_text(encoding="utf-8"), path.stat()
    if whole.count(change.old) != 1:
        raise RuntimeError(f"{change.name}: its old text does not stand once in {change.file}")
    path.write_text(whole.replace(change.old, change.new), encoding="utf-8")
    try:
        ended = subprocess.run(  # noqa: S603 - this very Python
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *change.tests],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        path.write_text(whole, encoding="utf-8")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # A break that keeps tests from being collected proves nothing about them.
    if ended.returncode not in (0, FAILED):
        raise RuntimeError(f"{change.name}: tests did not run\n{ended.stdout}{ended.stderr}")
    return ended.returncode == 0


def main() -> int:
    """Make the breaks, and say which stay green."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="NAME", choices=[change.name for change in BREAKS])
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    wanted = [change for change in BREAKS if options.only in (None, change.name)]
    began, green, unclear = time.monotonic(), [], []
    trees: Queue[Path] = Queue()
    with (
        tempfile.TemporaryDirectory(prefix="heldout-mutations-") as name,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        for number in range(options.jobs):
            folder = Path(name, str(number))
            folder.mkdir()
            copy_tree(folder)
            trees.put(folder)
        running = {pool.submit(survives, change, trees): change for change in wanted}
        for number, future in enumerate(as_completed(running), start=1):
            change = running[future]
            try:
                word = "GREEN" if future.result() else "red"
            except RuntimeError as error:
                word = "unclear"
                unclear.append(str(error))
            if word == "GREEN":
                green.append(change)
            seconds = time.monotonic() - began
            print(f"{seconds:6.0f} s  {number}/{len(wanted)}  {word:7}  {change.name}", flush=True)
    for change in green:
        print(f"GREEN {change.name} ({change.file}): {change.why}")
    print(*unclear, sep="\n")
    print(f"{len(wanted)} breaks, {len(green)} green, {len(unclear)} unclear.")
    return 1 if green or unclear else 0


if __name__ == "__main__":
    raise SystemExit(main())
