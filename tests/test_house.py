"""The house keeps its own rules: layers, sizes, public names, docstrings, a clean lock."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from numpydoc.validate import validate
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import heldout
from tests.test_docs_site import script

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "heldout").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = sorted(path for name in ("docs", "benchmarks") for path in (ROOT / name).glob("*.py"))
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# What was there before a rule was: entries are taken out, never put in.
DEBTS = tomllib.loads((ROOT / "tests" / "house_debts.toml").read_text(encoding="utf-8"))
BRANCHES = (
    *(ast.If, ast.IfExp, ast.For, ast.While, ast.Assert),
    *(ast.ExceptHandler, ast.comprehension, ast.match_case),
)
MODULES = ["heldout", *(m.name for m in pkgutil.walk_packages(heldout.__path__, "heldout."))]
# numpydoc's names for: undocumented, unknown or misordered parameters; missing summary; a
# section for what is returned.
DOCSTRING_FAULTS = {"GL08", "PR01", "PR02", "PR03", "PR04", "RT01", "SS01"}


@cache
def tree_of(path: Path) -> ast.Module:
    """Return what a file says."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Return all parts of a file, from the whole to the parts."""
    return tuple(ast.walk(tree_of(path)))


@cache
def functions() -> tuple[tuple[str, ast.FunctionDef], ...]:
    """Return every function of the sources, with its name from the package on."""
    found: list[tuple[str, ast.FunctionDef]] = []
    for path in SOURCES:
        parts = path.relative_to(ROOT / "src" / "heldout").with_suffix("").parts
        module = [part for part in parts if part != "__init__"]
        found += functions_in(tree_of(path), module)
    return tuple(found)


def functions_in(node: ast.AST, scope: list[str]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function below a node, with its name."""
    for child in ast.iter_child_nodes(node):
        inside = (
            [*scope, child.name] if isinstance(child, ast.FunctionDef | ast.ClassDef) else scope
        )
        if isinstance(child, ast.FunctionDef):
            yield ".".join(inside), child
        yield from functions_in(child, inside)


def complexity(function: ast.FunctionDef) -> int:
    """Return the ways through a function, counting comprehensions and `and` and `or`."""
    nodes = list(ast.walk(function))
    turns = sum(isinstance(node, BRANCHES) for node in nodes)
    return 1 + turns + sum(len(node.values) - 1 for node in nodes if isinstance(node, ast.BoolOp))


def parameters(function: ast.FunctionDef) -> int:
    """Return how many parameters a function names."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in named)


def own_nodes(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's own body, without those of functions inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield node
            waiting += ast.iter_child_nodes(node)


def raises(function: ast.FunctionDef) -> bool:
    """Return whether a function raises by itself."""
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("raise_faults"))
        for node in own_nodes(function)
    )


def test_no_module_is_longer_than_600_lines() -> None:
    long = [path.name for path in SOURCES if len(path.read_text().splitlines()) > 600]
    assert not long


def test_no_chain_of_imports_is_longer_than_18_modules() -> None:
    """What is imported at the top of a module, a package's front being a module too."""
    graph = {}
    for path in SOURCES:
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        graph[name.removesuffix(".__init__")] = tree_of(path).body

    @cache
    def depth(module: str) -> int:
        below = {
            target
            for node in graph[module]
            if isinstance(node, ast.ImportFrom) and node.module
            for name in (f"{node.module}.{item.name}" for item in node.names)
            for target in [name if name in graph else node.module]
            if target in graph and target != module
        }
        return 1 + max(map(depth, sorted(below)), default=0)

    assert max(map(depth, graph)) <= 18


def test_no_function_is_longer_than_60_lines_without_its_docstring() -> None:
    long = []
    for name, node in functions():
        first = node.body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
        start = first.end_lineno if documented else node.lineno
        if (node.end_lineno or 0) - (start or 0) > 60:
            long.append(name)
    assert not long


@pytest.mark.parametrize(
    ("rule", "measure", "limit"), [("complexity", complexity, 10), ("parameters", parameters, 8)]
)
def test_no_function_is_larger_than_the_house_allows(
    rule: str, measure: Callable[[ast.FunctionDef], int], limit: int
) -> None:
    """Those that were larger before the rule may not grow, and leave the list when they fit."""
    large = {name: size for name, node in functions() if (size := measure(node)) > limit}
    debts = DEBTS[rule]
    assert {name: size for name, size in large.items() if size > debts.get(name, limit)} == {}
    assert sorted(debts.keys() - large.keys()) == []


def test_every_public_function_that_raises_says_what() -> None:
    """Callers learn from the docstring what they may have to catch."""
    silent = {
        name
        for name, node in functions()
        if not any(part.startswith("_") for part in name.split("."))
        and raises(node)
        and "Raises\n" not in (ast.get_docstring(node) or "")
    }
    debts = set(DEBTS["raises"]["silent"])
    assert sorted(silent - debts) == []
    assert sorted(debts - silent) == []


def private(name: str) -> bool:
    """Return whether a name is private to its module."""
    return name.startswith("_") and not name.endswith("__")


def private_names_taken(path: Path) -> Iterator[str]:
    """Yield the private names of other modules of ours that a file imports or reaches into."""
    ours = set()
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "heldout":
            yield from (alias.name for alias in node.names if private(alias.name))
            homes = {f"{node.module}.{alias.name}": alias for alias in node.names}
            ours |= {alias.asname or alias.name for home, alias in homes.items() if home in MODULES}
        elif isinstance(node, ast.Import):
            ours |= {
                alias.asname or alias.name
                for alias in node.names
                if alias.name.split(".")[0] == "heldout"
            }
    for node in nodes_of(path):
        if (
            isinstance(node, ast.Attribute)
            and private(node.attr)
            and ast.unparse(node.value) in ours
        ):
            yield f"{ast.unparse(node.value)}.{node.attr}"


def test_a_name_is_a_noun_and_not_one_or_found() -> None:
    """What it is can be said: a cell, a column, a patient, a fault."""
    names = [
        f"{path.name}:{node.lineno}"
        for path in SOURCES
        for node in nodes_of(path)
        if isinstance(node, ast.Name | ast.arg)
        and (node.id if isinstance(node, ast.Name) else node.arg) in ("one", "found")
    ]
    assert not names


def test_nobody_takes_a_private_name_of_another_module() -> None:
    """Tests may patch one, which names it in a string."""
    taken = {str(path): [*private_names_taken(path)] for path in (*SOURCES, *TESTS)}
    assert {path: names for path, names in taken.items() if names} == {}


def test_only_the_door_lists_its_names() -> None:
    """Inside the house the underscore says what is private; a list beside it would be a second."""
    listing = [path for path in SOURCES if "__all__ = " in path.read_text(encoding="utf-8")]
    assert listing == [ROOT / "src" / "heldout" / "__init__.py"]


@cache
def defined_in(module: str) -> frozenset[str]:
    """Return the names that a module of the house makes itself, and those of modules inside it."""
    place = ROOT.joinpath("src", *module.split("."))
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    names = {inner.stem for inner in place.glob("*") if inner.stem != "__init__"}
    for node in nodes_of(path):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(names)


def test_a_name_is_imported_from_the_module_that_defines_it() -> None:
    """There is one way to import it, and no package loads a module that nobody asked for."""
    borrowed = [
        f"{path.name}: {node.module}.{item.name}"
        for path in (*SOURCES, *TESTS, *SCRIPTS)
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("heldout.")
        for item in node.names
        if item.name not in defined_in(str(node.module))
    ]
    assert not borrowed


def test_a_new_module_is_inside_every_contract(tmp_path: Path) -> None:
    """Contracts name who may know a library, or a description, so that nobody is forgotten."""
    shutil.copytree(ROOT / "src", tmp_path / "src")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    libraries = ["numba", "mlflow", "optuna", "shap", "matplotlib", "jinja2", "yaml", "pydantic"]
    libraries.append("heldout.describe")
    (tmp_path / "src" / "heldout" / "newcomer.py").write_text(
        "".join(f"import {library}\n" for library in libraries), encoding="utf-8"
    )
    code = "from importlinter.cli import lint_imports_command as lint; lint()"
    linted = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 1
    assert re.findall(r"^(.+) KEPT$", linted.stdout, re.M) == ["Metrics know arrays only"]
    assert [name for name in libraries if f"newcomer -> {name} " not in linted.stdout] == []


def test_run_experiment_reads_as_a_table_of_contents() -> None:
    """The way of the data in one function, under 40 lines of code."""
    (found,) = [node for _, node in functions() if node.name == "run_experiment"]
    assert (found.end_lineno or 0) - (found.body[0].end_lineno or 0) < 40


def test_the_package_docstring_names_the_layers_in_order() -> None:
    """A folder listing is alphabetical and cannot show the way; the docstring does."""
    layers = SETTINGS["tool"]["importlinter"]["contracts"][0]["layers"]
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
def test_every_module_says_what_it_owns(name: str) -> None:
    assert importlib.import_module(name).__doc__


GIVEN = script("make_reference").names_given()


@pytest.mark.parametrize("name", sorted(GIVEN))
def test_what_a_package_gives_to_another_is_documented(name: str) -> None:
    """It says what it takes and gives; inner functions need a sentence."""
    faults = []
    for public in sorted(GIVEN[name]):
        value = getattr(importlib.import_module(name), public, None)
        if inspect.isfunction(value) or inspect.isclass(value):
            found = {code for code, _ in validate(f"{value.__module__}.{public}")["errors"]}
            # What a class takes is said by its attributes.
            wrong = found & (DOCSTRING_FAULTS - ({"PR01"} if isinstance(value, type) else set()))
            faults += [f"{public}: {code}" for code in sorted(wrong)]
    assert not faults


def test_the_command_line_starts_without_heavy_libraries() -> None:
    """`heldout --help` must not pay for numpy, let alone for MLflow."""
    code = "import sys, heldout.cli; print([m for m in sys.modules if '.' not in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pandas", "sklearn", "mlflow", "shap", "optuna", "matplotlib", "pydantic"}
    assert not heavy & set(ast.literal_eval(done.stdout))


def test_the_lock_names_no_host_and_no_gpu_transport() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "nvidia" not in lock
    assert lock.count("--hash=sha256:") > 1000


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize(
    "system",
    [
        {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
        {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    ],
    ids=lambda system: str(system["platform_system"]),
)
def test_the_lock_has_every_dependency_once_for_every_python_and_system(
    python: str, system: dict[str, str]
) -> None:
    """A version that the project's own ranges allow there, and one only."""
    machine = "AMD64" if system["os_name"] == "nt" else "arm64"
    there = {"python_version": python, "python_full_version": f"{python}.1", **system}
    there |= {"platform_machine": machine, "implementation_name": "cpython"}
    locked: dict[str, list[str]] = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if "==" in line:
            pin = Requirement(line.removesuffix("\\"))
            if pin.marker is None or pin.marker.evaluate(there):
                (version,) = pin.specifier
                locked.setdefault(canonicalize_name(pin.name), []).append(version.version)
    assert {name: versions for name, versions in locked.items() if len(versions) > 1} == {}
    project = SETTINGS["project"]
    wanted = map(Requirement, project["dependencies"] + project["optional-dependencies"]["dev"])
    assert [
        str(wish)
        for wish in wanted
        if (wish.marker is None or wish.marker.evaluate(there))
        and not wish.specifier.contains(locked.get(canonicalize_name(wish.name), ["0"])[0])
    ] == []


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
    from heldout.spec.composition import load_experiment
    from heldout.study.plan import plan_study

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
