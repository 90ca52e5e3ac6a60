"""Every command is run by a test: a name that only stands in one does not count."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from django.core.management import get_commands

PROJECT = Path(__file__).parents[2]
TESTS = [PROJECT / "tests" / folder for folder in ("unit", "integration", "acceptance")]
OUR_COMMANDS = sorted(
    name for name, app in get_commands().items() if app in ("config", "datasets", "segments")
)
# Who runs the command that the first argument names: Django, and our `tests.commands`.
RUNNERS = frozenset({"call_command", "commands.run", "commands.start"})


def commands_run(source: str) -> Iterator[str]:
    """The commands that a module runs: by a runner, or by a command line with `manage.py`."""
    tree = ast.parse(source)
    runners = RUNNERS | {name for node in ast.walk(tree) for name in _own_runner(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in runners:
            yield from _words(node.args[:1])
        parts = getattr(node, "args" if isinstance(node, ast.Call) else "elts", [])
        for before, after in pairwise(parts if isinstance(parts, list) else []):
            if [*_words([before])] == ["manage.py"]:
                yield from _words([after])


def _own_runner(node: ast.AST) -> Iterator[str]:
    """The name of a function that hands its first argument on to a runner as the command."""
    if isinstance(node, ast.FunctionDef) and node.args.args:
        first = node.args.args[0].arg
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or ast.unparse(call.func) not in RUNNERS:
                continue
            if [ast.unparse(argument) for argument in call.args[:1]] == [first]:
                yield node.name


def _words(nodes: list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.fixture(scope="module")
def tested() -> set[str]:
    """The commands that tests run."""
    modules = [path for folder in TESTS for path in folder.rglob("*.py")]
    return {name for path in modules for name in commands_run(path.read_text())}


@pytest.mark.parametrize("command", OUR_COMMANDS)
def test_every_command_is_tested(command: str, tested: set[str]) -> None:
    assert command in tested, (
        f"no test runs `{command}`: write one that calls it by call_command or tests.commands"
    )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('call_command("demo", 1)', ["demo"]),
        ('commands.start("demo")', ["demo"]),
        ('Popen([sys.executable, "manage.py", "demo"])', ["demo"]),
        ('running("manage.py", "demo", log=log)', ["demo"]),
        ('def ask(name):\n    call_command(name)\nask("demo")', ["demo"]),
        ('def ask(name):\n    print(name)\nask("demo")', []),
        ('NAME = "demo"', []),
        ('call_command(other, "demo")', []),
        ('print("demo")', []),
        ('assert "manage.py demo" in text', []),
    ],
)
def test_only_a_command_that_is_run_counts(source: str, found: list[str]) -> None:
    assert list(commands_run(source)) == found
