"""The project's commands: makes environments under .envs, runs tests, checks, demo and docs there.

Standard library only, any Python from 3.8 on; the environments use the Pythons that are supported.
"""

import argparse
import contextlib
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows: there two commands at once are the caller's business
    fcntl = None

ROOT = Path(__file__).resolve().parent.parent
ENVS = ROOT / ".envs"
CACHES = ("build", "dist", "htmlcov", "docs/_build", ".pytest_cache", ".ruff_cache", ".hypothesis")

# Newest last. Django 5.2 needs the backport of django.tasks.
MATRIX = (("3.11", "5.2"), ("3.12", "6.0"), ("3.13", "6.1"), ("3.14", "6.1"))

PROBE = """\
import importlib.util as u, json, sys
print(json.dumps({
    "version": "%d.%d" % sys.version_info[:2],
    "full": "%d.%d.%d" % sys.version_info[:3],
    "path": sys.executable,
    "plain": sys.implementation.name == "cpython" and sys.version_info.releaselevel == "final",
    "venv": bool(u.find_spec("venv") and u.find_spec("ensurepip")),
}))
"""
GROUPS = """\
import json, sys, tomllib
groups = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]
def expand(name):
    for entry in groups[name]:
        yield from expand(entry["include-group"]) if isinstance(entry, dict) else [entry]
print(json.dumps(sorted({line for name in sys.argv[1:] for line in expand(name)})))
"""


class Trouble(Exception):
    """Something that the reader has to do; the message says what."""


def say(text):
    print(f"\033[1m==> {text}\033[0m" if sys.stdout.isatty() else f"==> {text}", flush=True)


def clean_environ():
    """Ours without what would lead another Python or pip astray."""
    drop = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "ARGS")
    drop += ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")
    return {key: value for key, value in os.environ.items() if key not in drop}


def run(command, **options):
    """Runs a command in the project's folder and returns its exit status."""
    options.setdefault("env", clean_environ())
    process = subprocess.Popen([str(part) for part in command], cwd=str(ROOT), **options)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # it heard the same Ctrl-C, and has to tidy up
            continue


# Interpreters


def candidates():
    names = [f"python{version}" for version, _ in MATRIX] + ["python3", "python"]
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    for root in (os.environ.get("PYENV_ROOT"), "~/.pyenv"):
        if root:
            with contextlib.suppress(OSError, RuntimeError):  # unreadable, or no home at all
                folders += sorted(Path(root).expanduser().glob("versions/*/bin"))
    for folder in folders:
        if ENVS in folder.resolve().parents:  # one of ours, activated: it may be about to be remade
            continue
        for name in names:
            path = folder / name
            if os.access(str(path), os.X_OK) and not path.is_dir():
                yield path
    if sys.executable:
        yield Path(sys.executable)


def probe(path):
    """What the interpreter says about itself, or None: a shim may exist and not run."""
    try:
        answer = subprocess.run(
            [str(path), "-I", "-c", PROBE],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            env=clean_environ(),
            timeout=20,
            check=True,
        )
        return json.loads(answer.stdout.decode())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def interpreters():
    """What each version's interpreter said: the first that works, best one that can make a venv."""
    found, seen = {}, set()
    for path in candidates():
        real = path.resolve()
        if real in seen:
            continue
        if "shims" not in path.parts:  # all shims may be one program, told by its name
            seen.add(real)
        facts = probe(path)
        if not facts or not facts["plain"] or not facts["path"]:
            continue
        known = found.get(facts["version"])
        if known is None or (facts["venv"] and not known["venv"]):
            found[facts["version"]] = facts
    return {version: found[version] for version, _ in MATRIX if version in found}


def usable():
    """The rows of the matrix that can run here, and the others with the reason."""
    have, rows, missing = interpreters(), [], []
    for version, django in MATRIX:
        facts = have.get(version)
        if facts is None:
            missing.append((version, django, f"no Python {version} found"))
        elif not facts["venv"]:
            cure = f"Debian, Ubuntu: apt install python{version}-venv"
            reason = f"{facts['path']} has no venv or ensurepip ({cure})"
            missing.append((version, django, reason))
        else:
            rows.append((version, django, facts))
    if not rows:
        reasons = "".join(f"\n  {version}: {reason}" for version, _, reason in missing)
        raise Trouble("No usable Python between 3.11 and 3.14:" + reasons)
    return rows, missing


# Environments


@contextlib.contextmanager
def lock():
    """One command at a time changes the environments."""
    with (ENVS / "lock").open("a") as file:
        if fcntl:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def environment(name, row, groups):
    """The Python of an environment with Django, the package and groups; remade if they changed."""
    for place in (ROOT, ENVS):
        if place.exists() and not os.access(str(place), os.W_OK):
            raise Trouble(
                f"{place} is not writable for you, and environments and caches are kept in it. "
                "Work in a copy of your own, or change its owner."
            )
    _, django, facts = row
    ENVS.mkdir(exist_ok=True)
    folder = ENVS / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # What is below the first tool table says how tools behave, not what is installed.
    told = (ROOT / "pyproject.toml").read_bytes().split(b"\n[tool.")[0]
    told += json.dumps([str(ROOT), facts["full"], facts["path"], django, groups]).encode()
    stamp, want = folder / "stamp", hashlib.sha256(told).hexdigest()

    def fresh():
        return stamp.exists() and stamp.read_text() == want and probe(python) is not None

    if fresh():
        return python
    with lock():
        if fresh():
            return python
        say(f"making .envs/{name}: Python {facts['full']}, Django {django}")
        install(folder, python, row, groups)
        stamp.write_text(want)
    return python


def install(folder, python, row, groups):
    version, django, facts = row
    shutil.rmtree(str(folder), ignore_errors=True)
    if run([facts["path"], "-I", "-m", "venv", folder]):
        shutil.rmtree(str(folder), ignore_errors=True)
        raise Trouble(
            f"{facts['path']} could not make a virtual environment (see above). "
            f"On Debian and Ubuntu: apt install python{version}-venv."
        )
    needs = subprocess.check_output(
        [str(python), "-c", GROUPS, *groups], cwd=str(ROOT), env=clean_environ()
    )
    quiet = ["-qq", "--disable-pip-version-check", "--no-warn-script-location"]
    wanted = ["-e", ".", f"Django=={django}.*", *json.loads(needs.decode())]
    if run([python, "-m", "pip", "install", *quiet, *wanted]):
        raise Trouble(f"pip could not install what .envs/{folder.name} needs (see above).")


def dev_environment():
    """The newest Python with everything that developing needs."""
    return environment("dev", usable()[0][-1], ["dev"])


# Commands


def pytest(python, arguments):
    """Runs the suite, shows it, and returns the exit status with pytest's closing line."""
    command = [str(python), "-m", "pytest", *arguments]
    if sys.stdout.isatty():
        command.append("--color=yes")
    closing = ""
    with subprocess.Popen(
        command, cwd=str(ROOT), env=clean_environ(), stdout=subprocess.PIPE
    ) as process:
        for line in iter(process.stdout.readline, b""):
            text = line.decode(errors="replace")
            sys.stdout.write(text)
            sys.stdout.flush()
            closing = text.strip() or closing
    return process.returncode, closing.strip("= ")


def test(arguments):
    rows, missing = usable()
    newest = rows[-1]
    title = "Python {}, Django {}".format
    say(f"{title(*newest[:2])}: {shlex.join(arguments) if arguments else 'full suite'}")
    if arguments:
        return pytest(dev_environment(), arguments)[0]
    # Most tests wait for something, so there is room for more of them than there are CPUs.
    together = ["-n", str(min(2 * (os.cpu_count() or 1) + 1, 8))]
    together += ["--dist", "loadfile", "--no-loadscope-reorder"]
    status, closing = pytest(dev_environment(), together)
    results = [(f"{title(*newest[:2])}, full suite", status, closing)]
    for row in reversed(rows[:-1]):
        version, django, _ = row
        name = f"{title(version, django)}, without slow tests"
        say(name)
        try:
            folder = f"py{version}-django{django}"
            python = environment(folder, row, ["test"])
            results.append((name, *pytest(python, [*together, "-q", "-m", "not slow"])))
        except Trouble as trouble:
            results.append((name, 2, str(trouble)))
    say("summary")
    for name, status, closing in results:
        print(f"{name:<44} {'FAILED' if status else 'passed'}: {closing}")
    for version, django, reason in missing:
        print(f"{title(version, django):<44} not run: {reason}")
    return int(any(status for _, status, _ in results))


def check(arguments):
    python = dev_environment()
    steps = (
        ("ruff check", ["ruff", "check", "."]),
        ("ruff format --check", ["ruff", "format", "--check", "."]),
        ("mypy", ["mypy"]),
        ("import contracts", ["lint-imports", "--no-logo"]),
    )
    failed = []
    for name, command in steps:
        say(name)
        if run([python.parent / command[0], *command[1:]], env=tool_environ()):
            failed.append(name)
    say("check failed: " + ", ".join(failed) if failed else "check passed")
    return int(bool(failed))


def tool_environ():
    return dict(clean_environ(), PYTHONPATH=str(ROOT))  # for tests.settings, which mypy reads


def tool(arguments):
    """A tool of the development environment, for hooks and editors."""
    if not arguments:
        raise Trouble("Which tool? For example: tools/dev.py tool ruff check .")
    return run([dev_environment().parent / arguments[0], *arguments[1:]], env=tool_environ())


def script(python, path, arguments):
    if not (ROOT / path).exists():
        raise Trouble(f"{path} does not exist yet.")
    return run([python, path, *arguments])


def demo(arguments):
    return script(environment("demo", usable()[0][-1], []), "examples/demo/run.py", arguments)


def bench(arguments):
    return script(dev_environment(), "benchmarks/run.py", arguments)


def soak(arguments):
    return run([dev_environment(), "-m", "tests.worker.soak", *arguments])


def docs(arguments):
    if not (ROOT / "docs" / "conf.py").exists():
        raise Trouble("docs/conf.py does not exist yet.")
    python = environment("docs", usable()[0][-1], ["docs"])
    sphinx = [python, "-m", "sphinx", "-W", "--keep-going", "-b", "html"]
    return run([*sphinx, "docs", "docs/_build/html", *arguments])


def clean(arguments):
    for name in (".envs", *CACHES):
        shutil.rmtree(str(ROOT / name), ignore_errors=True)
    for folder in ROOT.rglob("__pycache__"):
        shutil.rmtree(str(folder), ignore_errors=True)
    for file in ROOT.glob(".coverage*"):
        file.unlink()
    return 0


COMMANDS = {
    "demo": (demo, "run examples/demo/run.py with only Django and the package"),
    "test": (
        test,
        "full suite, then the other Pythons and Djangos; with arguments: pytest with them",
    ),
    "check": (check, "ruff, mypy, import contracts"),
    "bench": (bench, "run benchmarks/run.py"),
    "soak": (soak, "load and damage on PostgreSQL for half an hour: --minutes, --seed"),
    "docs": (docs, "build the documentation, warnings are errors"),
    "clean": (clean, "remove environments and caches"),
    "tool": (tool, "run one tool of the development environment"),
}


def main():
    lines = "\n".join(f"  {name:<7} {text}" for name, (_, text) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        usage="dev.py COMMAND [-- ARGUMENTS]",
        description=f"Commands:\n{lines}\n\nArguments follow the command, or stand in ARGS.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    chosen = parser.parse_args()
    arguments = chosen.arguments[1:] if chosen.arguments[:1] == ["--"] else chosen.arguments
    arguments += shlex.split(os.environ.get("ARGS", ""))
    try:
        return COMMANDS[chosen.command][0](arguments)
    except Trouble as trouble:
        print(f"dev.py: {trouble}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
