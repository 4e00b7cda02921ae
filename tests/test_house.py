"""The house keeps its own rules: layers, sizes, public names, docstrings, a clean lock."""

import ast
import importlib
import inspect
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from numpydoc.validate import validate

import heldout

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "heldout").rglob("*.py"))
MODULES = ["heldout", *(m.name for m in pkgutil.walk_packages(heldout.__path__, "heldout."))]
# numpydoc's names for: undocumented, unknown or misordered parameters; missing summary; a
# section for what is returned.
DOCSTRING_FAULTS = {"GL08", "PR01", "PR02", "PR03", "PR04", "RT01", "SS01"}


def functions() -> Iterator[tuple[Path, ast.FunctionDef]]:
    """Yield every function of the sources."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield path, node


def test_no_module_is_longer_than_600_lines() -> None:
    long = [path.name for path in SOURCES if len(path.read_text().splitlines()) > 600]
    assert not long


def test_no_function_is_longer_than_60_lines_without_its_docstring() -> None:
    long = []
    for path, node in functions():
        first = node.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        start = first.end_lineno if documented else node.lineno
        if (node.end_lineno or 0) - (start or 0) > 60:
            long.append(f"{path.name}: {node.name}")
    assert not long


def test_run_experiment_reads_as_a_table_of_contents() -> None:
    """The way of the data in one function, under 40 lines of code."""
    (found,) = [node for _, node in functions() if node.name == "run_experiment"]
    assert (found.end_lineno or 0) - (found.body[0].end_lineno or 0) < 40


def test_the_package_docstring_names_the_layers_in_order() -> None:
    """A folder listing is alphabetical and cannot show the way; the docstring does."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    ordered = [set(layer.split(" | ")) for layer in reversed(layers) if layer != "__main__"]
    named = re.findall(r"^    (\w+)  ", heldout.__doc__ or "", flags=re.MULTILINE)
    while named:
        layer = ordered.pop(0)
        assert {named.pop(0) for _ in range(len(layer))} == layer
    assert not ordered


def test_the_public_names_can_all_be_imported() -> None:
    assert all(hasattr(heldout, name) for name in heldout.__all__)
    assert sorted(heldout.HOMES) == sorted(heldout.__all__)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'run_experimnt'"):
        _ = heldout.run_experimnt


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_exists(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    exported = getattr(module, "__all__", [])
    assert all(hasattr(module, public) for public in exported)
    assert sorted(exported) == sorted(set(exported))


@pytest.mark.parametrize("name", [name for name in MODULES if name.count(".") < 2])
def test_what_a_stage_exports_is_documented(name: str) -> None:
    """A stage's public functions say what they take and give; inner ones need a sentence."""
    faults = []
    for public in getattr(importlib.import_module(name), "__all__", []):
        value = getattr(importlib.import_module(name), public)
        if inspect.isfunction(value) or inspect.isclass(value):
            found = {code for code, _ in validate(f"{value.__module__}.{public}")["errors"]}
            # What a class takes is said by its attributes.
            wrong = found & (DOCSTRING_FAULTS - ({"PR01"} if isinstance(value, type) else set()))
            faults += [f"{public}: {code}" for code in sorted(wrong)]
    assert not faults


def test_the_command_line_starts_without_heavy_libraries() -> None:
    """`heldout --help` must not pay for numpy, let alone for MLflow."""
    import subprocess
    import sys

    code = "import sys, heldout.cli; print([m for m in sys.modules if '.' not in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "sklearn", "mlflow", "shap", "optuna", "matplotlib", "pydantic"}
    assert not heavy & set(ast.literal_eval(done.stdout))


def test_the_lock_names_no_host_and_no_gpu_transport() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "nvidia" not in lock
    assert lock.count("--hash=sha256:") > 1000


@pytest.mark.parametrize(
    ("experiment", "patients", "observed"),
    [
        (
            "nimh_ketamine",
            36,
            {("response", "d2"): (29, 6, True), ("response", "d10"): (26, 3, False)},
        ),
        (
            "antidepressant_dia",
            172,
            {
                ("response", "w1"): (172, 12, True),
                ("response", "w2"): (158, 37, True),
                ("response", "w4"): (149, 45, True),
                ("response", "w6"): (129, 49, True),
                ("remission", "w6"): (129, 38, True),
            },
        ),
        (
            "reisby_imipramine",
            66,
            {
                ("response", "w3"): (60, 13, True),
                ("response", "w4"): (58, 25, True),
                ("response", "w5"): (53, 30, True),
                ("remission", "w5"): (58, 18, True),
            },
        ),
    ],
)
def test_the_shipped_experiments_find_the_patients_their_data_hold(
    experiment: str, patients: int, observed: dict[tuple[str, str], tuple[int, int, bool]]
) -> None:
    """Counted by hand from the tables; the third value says whether five folds can be filled."""
    from heldout.spec import load_experiment
    from heldout.study import plan_study

    plan = plan_study(load_experiment(ROOT / "experiments" / f"{experiment}.yaml"))
    assert len(plan.patients) == patients
    found = {
        (outcome.name, outcome.follow_up): (
            int(outcome.observed.sum()),
            outcome.events,
            reason is None,
        )
        for outcome, reason in zip(plan.design.outcomes, plan.design.declined, strict=True)
    }
    assert found == observed
