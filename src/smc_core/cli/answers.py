"""What ``smc why NAME`` answers. Nothing of the user's is run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

from smc_core.arguments import arguments
from smc_core.cli.printing import masker, plain
from smc_core.contract import (
    BASE_DIR_ENV,
    BASE_PATH,
    CODE_DIR_ENV,
)
from smc_core.environment import ALIASES, Environment, fields
from smc_core.errors import ConfigurationError
from smc_core.hyperparameters import variable_names
from smc_core.lookup import PLACES, is_internal, is_param, places, source_of
from smc_core.masking import MASK
from smc_core.parameters import channels_text, parameter_names
from smc_core.plugins import Plugins
from smc_core.provenance import DEFAULT, Source
from smc_core.readers import read_hyperparameter_texts
from smc_core.resources import cpu_quota, installed_gpus
from smc_core.secret_names import is_secret
from smc_core.settings import Setting
from smc_core.variables import FIELD_VARIABLES, process_environ, script_variables, source_of_entry, variable_text
from smc_core.words import did_you_mean, nearest

_GIVEN = Source("rule", "variable that this process was given")


class Considered(NamedTuple):
    """A place that could have given the value.

    Attributes:
        place: what it is.
        found: its content; None if there is none.
    """

    place: Source
    found: str | None


class Answer(NamedTuple):
    """The answer for one name.

    Attributes:
        name: as it is known.
        value: its value, as text.
        source: where that came from.
        considered: the places that were looked at, in their order.
        also: the same value under other names.
        what: what it sets, if it is a setting.
        how: more of the source, in words.
    """

    name: str
    value: str
    source: Source
    considered: list[Considered]
    also: list[str]
    what: str = ""
    how: str = ""


def why(name: str, *, as_json: bool) -> str:
    """Explain the value of a variable, an argument, a hyperparameter or a setting.

    Args:
        name: ``SM_NUM_CPUS``, ``--epochs``, ``epochs``, ``module_dir``, ``SAGEMAKER_PROGRAM``, ``SMC_MODE``, ``PATH``.
        as_json: JSON rather than text for people.

    Raises:
        ConfigurationError: nothing has this name; the message has the nearest.
        SmcError: the job's files cannot be read.

    """
    plugins = Plugins.load()
    environment = plugins.create_environment()
    answer = _answer(name, environment, plugins)
    if is_secret(answer.name):
        hidden = [each if each.place == DEFAULT else _hidden(each) for each in answer.considered]
        answer = answer._replace(value=answer.value if answer.source == DEFAULT else MASK, considered=hidden)
    return masker(environment)(json.dumps(_content(answer), indent=2) if as_json else _text(answer))


def _hidden(each: Considered) -> Considered:
    return Considered(each.place, each.found and MASK)


def _answer(name: str, environment: Environment, plugins: Plugins) -> Answer:
    bare = _submitted_name(name, environment) or name.lstrip("-")
    hp = next((key for key in (bare, bare.replace("_", "-")) if key in environment.hp_texts), None)
    variables, settings = script_variables(environment), plugins.settings()
    field = ALIASES.get(bare, bare)
    if hp is not None and name not in variables:
        return _hyperparameter(hp, environment)
    setting = next((field for field, names in PLACES.items() if bare in names), field)
    if setting in fields(Environment) or setting in environment.dict():
        return _field(setting, environment)
    if name == BASE_DIR_ENV:
        return _field("base_dir", environment)
    if name in variables:
        return _variable(name, environment)
    own = settings.get(name) or next((each for each in settings.values() if each.param == name), None)
    if own is not None:
        return _own_setting(own, environment)
    if bare in environment.framework_params:
        return _param(bare, environment)
    channel = next((each for each in environment.channel_dirs if bare in parameter_names(f"{each}_dir")), None)
    if channel is not None:
        return _channel(bare, channel, environment)
    return _of_process(name, environment, plugins)


def _submitted_name(variable: str, environment: Environment) -> str | None:
    """The hyperparameter, or the parameter of a channel, that a variable such as ``SMC_HP_EPOCHS`` sets."""
    place = Source("variable", variable)
    entries = (entry for entry, source in environment.sources.items() if source == place and "." in entry)
    field, _, key = next(entries, "").partition(".")
    return f"{key}_dir" if field == "channel_dirs" else key or None


def _of_process(name: str, environment: Environment, plugins: Plugins) -> Answer:
    """A variable that is not part of the Environment: one of the container, of smc or of a plugin."""
    environ, _ = process_environ(environment, os.environ)
    considered = [_considered_variable(name)]
    if environ.get(name):
        source = _GIVEN if name in os.environ else Source("rule", "smc's default")
        return Answer(name, environ[name], source, considered, [])
    added = {variable.name: variable for variable in plugins.job_variables(environment, environ, os.environ)}
    if name in added:
        return Answer(name, added[name].text, added[name].source, considered, [])
    if name in environ:
        return Answer(name, "", _GIVEN, considered, [])
    instead = _instead(name.lstrip("-"), environment, [*environ, *added, *plugins.settings()])
    raise ConfigurationError(f"nothing is called {name!r} in this job{instead}")


def _field(field: str, environment: Environment) -> Answer:
    value = environment.dict()[field]
    also = [variable for variable, known in FIELD_VARIABLES.items() if known == field]
    also += [alias for alias, known in ALIASES.items() if known == field]
    source = environment.sources.get(field, Source("rule", "a plugin"))
    how = ""
    if source.kind == "base directory":
        how = f", by variable {BASE_DIR_ENV}" if os.environ.get(BASE_DIR_ENV) else ", by default"
    return Answer(field, variable_text(value), source, list(_considered(field, environment)), also, how=how)


def _variable(name: str, environment: Environment) -> Answer:
    variable = script_variables(environment)[name]
    field = FIELD_VARIABLES.get(name)
    if field is not None:
        answer = _field(field, environment)
        also = [f"Environment.{field}", *(other for other in answer.also if other != name)]
        return answer._replace(name=name, value=variable.text, also=also)
    for key in environment.hp_texts:
        if name in variable_names("SM_HP_", key):
            answer = _hyperparameter(key, environment)
            also = [key, *(other for other in answer.also if other != name)]
            return answer._replace(name=name, value=variable.text, also=also)
    overwritten = Source("rule", f"variable {name}, overwritten")
    considered = [Considered(overwritten, os.environ[name])] if name in os.environ else []
    return Answer(name, variable.text, variable.source, considered, [])


def _hyperparameter(key: str, environment: Environment) -> Answer:
    text = environment.hp_texts[key]
    source = source_of_entry(environment, "hps", key, "hyperparameter")
    decoded = f"decoded: {environment.hps[key]!r}"
    argument = f"argument: {' '.join(arguments({key: text}, environment.argument_style)) or 'none'}"
    also = [*variable_names("SM_HP_", key), argument, decoded]
    return Answer(key, text, source, list(_considered_texts(key, source, environment)), also)


def _considered_texts(key: str, source: Source, environment: Environment) -> Iterator[Considered]:
    """The places of a hyperparameter: its variable, if that is set, and the file."""
    yield Considered(source, environment.hp_texts[key])
    if source.kind == "variable":
        in_file = read_hyperparameter_texts(environment.base_dir).get(key)
        yield Considered(Source("hyperparameter", key), in_file)


def _channel(name: str, channel: str, environment: Environment) -> Answer:
    also = [f"environment.channel_dirs[{channel!r}]", *variable_names("SM_CHANNEL_", channel)]
    source = source_of_entry(environment, "channel_dirs", channel, "channel")
    return Answer(
        name, environment.channel_dirs[channel], source, [], also, "the parameter of train() for this channel"
    )


def _own_setting(setting: Setting, environment: Environment) -> Answer:
    params = environment.framework_texts
    given = setting.found(os.environ, params)
    considered = [_considered_variable(setting.name)]
    if setting.param:
        considered.append(Considered(Source("hyperparameter", setting.param), params.get(setting.param)))
    default = plain(setting.default_text)
    considered.append(Considered(DEFAULT, default))
    value, source = given or (default, DEFAULT)
    return Answer(setting.name, value, source, considered, [], plain(setting.what))


def _param(name: str, environment: Environment) -> Answer:
    text = environment.framework_texts[name]
    place = source_of_entry(environment, "framework_texts", name, "hyperparameter")
    return Answer(name, text, place, [Considered(place, text)], [f"environment.framework_params[{name!r}]"])


def _considered_variable(name: str) -> Considered:
    return Considered(Source("variable", name), os.environ.get(name))


def _considered(field: str, environment: Environment) -> Iterator[Considered]:
    """The places that are looked at for a field, in order of precedence."""
    source = environment.sources.get(field, DEFAULT)
    if field in PLACES:
        for place in places(field, environment.framework_texts):
            found = environment.param(place) if is_param(place) else os.environ.get(place)
            if found is not None or not is_internal(place):
                yield Considered(source_of(place), None if found is None else str(found))
        default = variable_text(environment.dict()[field]) if source == DEFAULT else "not needed"
        yield Considered(DEFAULT, default)
    elif field == "cpu_count":
        yield from _considered_processors()
    elif field == "gpu_count":
        yield Considered(Source("rule", "GPUs that the NVIDIA driver reports"), str(installed_gpus()))
        yield _considered_variable("CUDA_VISIBLE_DEVICES")
    elif source.kind == "base directory":
        yield _considered_variable(BASE_DIR_ENV)
        yield Considered(DEFAULT, BASE_PATH)
    elif source.kind in ("file", "no file"):
        path = os.path.join(environment.input_config_dir, source.name)
        yield Considered(Source("file", path), "read" if source.kind == "file" else None)


def _considered_processors() -> Iterator[Considered]:
    quota = cpu_quota()
    for what, count in (
        ("processors that this process may run on (affinity)", str(len(os.sched_getaffinity(0)))),
        ("quota of the control group", None if quota is None else f"{quota:g}"),
        ("processors of the machine, which do not count", str(os.cpu_count())),
    ):
        yield Considered(Source("rule", what), count)


def _text(answer: Answer) -> str:
    lines = [f"{answer.name} = {answer.value}", f"  from        {answer.source}{answer.how}"]
    lines += [f"  sets        {answer.what}"] if answer.what else []
    for label, texts in (("considered", [_line(each) for each in answer.considered]), ("the same", answer.also)):
        lines += [f"  {label if index == 0 else '':<12}{text}" for index, text in enumerate(texts)]
    return "\n".join(lines)


def _line(each: Considered) -> str:
    return f"{each.place}: {'-' if each.found is None else each.found}"


def _content(answer: Answer) -> dict[str, Any]:
    return {
        "name": answer.name,
        "value": answer.value,
        "source": f"{answer.source}{answer.how}",
        "considered": [{"place": str(each.place), "found": each.found} for each in answer.considered],
        "also": answer.also,
        "what": answer.what,
    }


def _instead(name: str, environment: Environment, others: list[str]) -> str:
    folders = [f"{channel}_dir" for channel in environment.channel_dirs]
    known = [*others, *environment.hp_texts, *fields(Environment), CODE_DIR_ENV, *folders]
    hint = did_you_mean(nearest(name, known, most=2)) or "; smc plan shows all that there is"
    return f"{hint} ({channels_text(name, environment)})" if name.endswith("_dir") else hint
