"""Loading a Functions app (Python v2 model) into this process, unmodified, exactly once."""

import importlib
import importlib.util
import json
import os
import re
import sys
import traceback
from collections import Counter
from collections.abc import Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func
from azure.functions.decorators.function_app import Function as IndexedFunction
from azure.functions.decorators.utils import StringifyEnumJsonEncoder

from localhost.app.functions import Binding, Function, LoadedApp, RetryPolicy
from localhost.app.hostjson import read_host_json
from localhost.app.problems import Problem, StartupError
from localhost.app.rules import find_problems
from localhost.app.settings import MissingSettingError, merge_local_settings, resolve
from localhost.app.worker import Accepted, check_with_worker, streaming_enabled

SCRIPT_SETTING = "PYTHON_SCRIPT_FILE_NAME"
_SCRIPT_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_\-]*\.py\Z")
_DISABLED = re.compile(r"(?:1|true)\Z", re.IGNORECASE)
_LONGEST_DELAY = timedelta(minutes=5)


def load_app(path: Path, environment: MutableMapping[str, str] = os.environ) -> LoadedApp:
    """Load, index and check the app in the folder ``path``; its settings are merged into ``environment``.

    Raises:
        StartupError: the app cannot run; every problem found is listed, with how to mend it.
    """
    if not path.is_dir():
        raise StartupError(f"There is no folder {path}.")
    merge_local_settings(path, environment)
    script = _script(path, environment)
    settings = read_host_json(path, environment)
    module = _import_script(script)
    indexed = _index(_app_object(module, script), script)
    disabled = tuple(name for name in map(_name, indexed) if is_disabled(name, environment))
    active = [function for function in indexed if _name(function) not in disabled]
    accepted, problems = check_with_worker(active)
    functions = [_convert(f, accepted.get(_name(f)), environment, problems) for f in active]
    problems.extend(find_problems(functions, settings, environment))
    if problems:
        raise StartupError(f"The app in {path} cannot run: {len(problems)} to mend.", problems)
    return LoadedApp(path, settings, tuple(functions), disabled, streaming_enabled())


def is_disabled(name: str, environment: Mapping[str, str]) -> bool:
    """Whether ``AzureWebJobs.<name>.Disabled`` is set (with dots or, on Linux, double underscores)."""
    names = (f"AzureWebJobs.{name}.Disabled", f"AzureWebJobs__{name}__Disabled")
    return any(_DISABLED.match(environment.get(setting, "")) for setting in names)


def _script(path: Path, environment: Mapping[str, str]) -> Path:
    name = environment.get(SCRIPT_SETTING, "function_app.py")
    if not _SCRIPT_NAME.match(name):
        raise StartupError(f"{SCRIPT_SETTING} is {name!r}, which is not the name of a Python file.")
    script = path / name
    if not script.is_file():
        mend = f"--app takes the folder that holds {name}; the setting {SCRIPT_SETTING} names another file."
        raise StartupError("No Functions app was found.", [Problem(str(script), "no such file", mend)])
    return script


def _import_script(script: Path) -> ModuleType:
    folder = str(script.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loaded = sys.modules.get(script.stem)
    if loaded is not None and Path(loaded.__file__ or "") != script:
        del sys.modules[script.stem]  # another app of this process (tests load several)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(script.stem)
    except Exception as error:  # whatever the app's import raises is the app's problem
        raise StartupError(f"{script.name} failed to load.", [_import_problem(script, error)]) from error


def _import_problem(script: Path, error: Exception) -> Problem:
    place = str(script)
    if isinstance(error, SyntaxError):
        return Problem(f"{error.filename or place}, line {error.lineno}", f"SyntaxError: {error.msg}")
    inside = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(str(script.parent)) and "site-packages" not in frame.filename
    ]
    if inside:
        place = f"{inside[-1].filename}, line {inside[-1].lineno}"
    mend = ""
    if isinstance(error, ModuleNotFoundError):
        mend = f"Add the package that provides {error.name} to requirements.txt and install it."
    return Problem(place, f"{type(error).__name__}: {error}", mend)


def _app_object(module: ModuleType, script: Path) -> func.FunctionRegister:
    """The one top-level app object; the worker counts names, so an alias is a second one."""
    found = {n: o for n, o in vars(module).items() if isinstance(o, func.FunctionRegister)}
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        mend = "Define one, for example app = df.DFApp(), at the top level of the file."
        raise StartupError("No app object was found.", [Problem(str(script), "defines no app object", mend)])
    reason = f"more than one name holds an app object: {', '.join(sorted(found))}"
    mend = "Keep one; register the others' functions as blueprints. An alias of the same object counts too."
    raise StartupError("There is more than one app object.", [Problem(str(script), reason, mend)])


def _index(app: func.FunctionRegister, script: Path) -> list[IndexedFunction]:
    try:
        functions = app.get_functions()
    except Exception as error:
        problems = _duplicates(app) or [Problem(str(script), str(error))]
        raise StartupError(f"The functions in {script} cannot be indexed.", problems) from error
    if not functions:
        raise StartupError("The app has no functions.", [Problem(str(script), "no function is registered")])
    return functions


def _duplicates(app: func.FunctionRegister) -> list[Problem]:
    """Every name that is taken twice; the library itself reports only the first."""
    builders = app._function_builders  # noqa: SLF001 - get_functions() gives nothing once it has failed
    names = Counter(builder._function.get_function_name() for builder in builders)  # noqa: SLF001
    mend = "Give one of them another name, with @app.function_name or by renaming the Python function."
    built_in = "Use one df.DFApp and register the blueprints in it: it drops their copies of the built-ins."
    return [
        Problem(str(name), f"{count} functions have this name", built_in if "BuiltIn" in str(name) else mend)
        for name, count in names.items()
        if count > 1
    ]


def _name(function: IndexedFunction) -> str:
    return str(function.get_function_name())


def _convert(
    function: IndexedFunction,
    accepted: Accepted | None,
    environment: Mapping[str, str],
    problems: list[Problem],
) -> Function:
    name = _name(function)
    bindings: list[Binding] = []
    trigger: Binding | None = None
    for raw in function.get_bindings():
        binding = _binding(raw, name, environment, problems)
        bindings.append(binding)
        if raw is function.get_trigger():
            trigger = binding
    assert trigger is not None  # get_functions() has checked it
    return Function(
        name=name,
        handler=function.get_user_function(),
        is_async=accepted.is_async if accepted else False,
        trigger=trigger,
        bindings=tuple(bindings),
        script_file=function.function_script_file,
        retry=_retry(function, problems),
        wants_context=accepted.wants_context if accepted else False,
        directory=accepted.directory if accepted else "",
        parameter_types=accepted.parameter_types if accepted else {},
    )


def _binding(raw: Any, function: str, environment: Mapping[str, str], problems: list[Problem]) -> Binding:
    properties: dict[str, Any] = json.loads(json.dumps(raw.get_dict_repr(), cls=StringifyEnumJsonEncoder))
    for key, value in properties.items():
        if not isinstance(value, str) or key in {"name", "type", "route"}:
            continue
        try:
            properties[key] = resolve(value, environment)
        except MissingSettingError as error:
            mend = f"Set {error.name} in the environment or in local.settings.json."
            problems.append(Problem(function, f"{key} is {value!r}, but {error}", mend))
    return Binding(str(raw.type), str(raw.name), int(raw.direction), properties)


def _retry(function: IndexedFunction, problems: list[Problem]) -> RetryPolicy | None:
    written = function.get_settings_dict("retry_policy")
    if written is None:
        return None
    fixed = written.get("strategy") == "fixed_delay"
    try:
        first = _seconds(written.get("delay_interval" if fixed else "minimum_interval") or "00:00:00")
        longest = first if fixed else _seconds(written.get("maximum_interval") or str(_LONGEST_DELAY))
        return RetryPolicy(int(written["max_retry_count"]), first, longest)
    except ValueError as error:
        problems.append(Problem(_name(function), f"its retry policy is malformed: {error}", "Use hh:mm:ss."))
        return None


def _seconds(text: str) -> timedelta:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
