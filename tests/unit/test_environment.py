"""The Environment: fields, aliases, hyperparameters, extension."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import annotated_types
import pytest

from smc_core import environment as room
from smc_core.environment import Environment
from smc_core.errors import ConfigurationError
from smc_core.provenance import Source
from smc_core.testing import JobFolder

SEED_FIELDS = (
    "input_dir input_config_dir model_dir output_dir hps resource_config input_data_config output_data_dir hosts "
    "channel_dirs current_host gpu_count cpu_count module_name module_dir enable_metrics log_level"
).split()
SEED_CONSTANTS = (
    "BASE_PATH MODEL_PATH INPUT_PATH INPUT_DATA_PATH OUTPUT_PATH INPUT_CONFIG_PATH OUTPUT_DATA_PATH "
    "HYPERPARAMETERS_FILE RESOURCE_CONFIG_FILE INPUT_DATA_CONFIG_FILE PROGRAM_PARAM SUBMIT_DIR_PARAM "
    "ENABLE_METRICS_PARAM LOG_LEVEL_PARAM JOB_NAME_PARAM DEFAULT_MODULE_NAME_PARAM REGION_PARAM_NAME SAGEMAKER_HPS "
    "CURRENT_HOST_ENV JOB_NAME_ENV USE_NGINX_ENV"
).split()
SEED_FUNCTIONS = (
    "read_config read_hps split_hps read_resource_config read_input_data_config channel_dir gpu_count cpu_count"
).split()
GROUPS = [
    {"instance_group_name": "cpu", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
    {"instance_group_name": "gpu", "instance_type": "ml.p4d.24xlarge", "hosts": ["algo-3", "algo-2"]},
]


def create(job: JobFolder, **variables: str) -> Environment:
    return Environment.create(environ={"SAGEMAKER_BASE_DIR": str(job.base), **variables})


def test_every_name_of_the_seed_is_there(job: JobFolder) -> None:
    assert set(SEED_FIELDS) <= set(create(job).dict())
    assert all(hasattr(room, name) for name in SEED_CONSTANTS + SEED_FUNCTIONS)
    assert room.INPUT_DATA_PATH == "/opt/ml/input/data"


def test_an_empty_job_is_one_host_with_defaults(job: JobFolder) -> None:
    env = create(job)
    assert env.hosts == [env.current_host]
    assert env.is_primary
    assert (env.hps, env.channel_dirs, env.user_entry_point, env.log_level) == ({}, {}, None, 20)
    assert env.module_dir == env.code_dir == str(job.base / "code")
    assert (env.network_interface_name, env.current_instance_type) == ("eth0", "local")
    assert env.current_instance_group == "homogeneousCluster"


def test_it_is_frozen(job: JobFolder) -> None:
    env = create(job)
    with pytest.raises(
        AttributeError, match=r"^Environment is frozen: 'model_dir' cannot be set; extend\(model_dir=\.\.\.\)"
    ):
        env.model_dir = "/elsewhere"  # type: ignore[misc]
    with pytest.raises(AttributeError, match=r"'epochs' cannot be set$"):
        env.epochs = 3
    with pytest.raises(AttributeError, match="'hosts' cannot be deleted"):
        del env.hosts
    assert env == create(job)


def test_hyperparameters_by_item_and_by_attribute(job: JobFolder) -> None:
    job.raw_hyperparameters({"batch_size": "32", "learning-rate": '"0.10"', "sagemaker_program": "train.py"})
    env = create(job)
    assert env.batch_size.to_int() == 32
    assert env["learning-rate"].to_float() == 0.1
    assert env.learning_rate == "0.10"
    assert "batch_size" in env
    assert "sagemaker_program" not in env
    assert env.framework_params == {"sagemaker_program": "train.py"}
    with pytest.raises(KeyError, match="did you mean 'batch_size'"):
        env["batch_sise"]
    with pytest.raises(AttributeError, match="did you mean 'batch_size'"):
        _ = env.batch_sise


def test_classic_names_are_aliases(job: JobFolder) -> None:
    job.channel("training")
    job.hyperparameters(a=1)
    env = create(job)
    for alias, field in room.ALIASES.items():
        assert getattr(env, alias) == getattr(env, field)
    assert env.channel_input_dirs == {"training": str(job.base / "input/data/training")}


@pytest.mark.parametrize(
    ("variables", "hps", "field", "value", "source"),
    [
        ({"SAGEMAKER_PROGRAM": "a.py"}, {"sagemaker_program": "b.py"}, "user_entry_point", "a.py", "SAGEMAKER_PROGRAM"),
        ({}, {"sagemaker_program": '"b.py"'}, "module_name", "b", "hyperparameters.json: sagemaker_program"),
        (
            {"SAGEMAKER_SUBMIT_DIRECTORY": "/x"},
            {"sagemaker_submit_directory": "/y"},
            "module_dir",
            "/y",
            "json: sagemaker_submit",
        ),
        ({"SAGEMAKER_SUBMIT_DIRECTORY": "/x"}, {}, "module_dir", "/x", "variable SAGEMAKER_SUBMIT_DIRECTORY"),
        (
            {"SAGEMAKER_PROGRAM": "a.py"},
            {"sagemaker_program": "b.py", "sagemaker_submit_directory": "/y"},
            "user_entry_point",
            "b.py",
            "json: sagemaker_program",
        ),
        ({"SAGEMAKER_PROGRAM": "a.py"}, {"sagemaker_submit_directory": "/y"}, "user_entry_point", "a.py", "variable"),
        (
            {"SMC_PROGRAM": "c.py"},
            {"sagemaker_program": "b.py", "sagemaker_submit_directory": "/y"},
            "user_entry_point",
            "c.py",
            "the command line",
        ),
        ({}, {"sagemaker_program": '"\\"b.py\\""'}, "user_entry_point", "b.py", "sagemaker_program"),
        ({}, {"sagemaker_submit_directory": '"\\"/y\\""'}, "module_dir", "/y", "sagemaker_submit_directory"),
        ({}, {"sagemaker_enable_cloudwatch_metrics": '"\\"true\\""'}, "enable_metrics", True, "metrics"),
        ({}, {"sagemaker_container_log_level": "10"}, "log_level", 10, "log_level"),
        ({"SAGEMAKER_CONTAINER_LOG_LEVEL": "warning"}, {}, "log_level", 30, "LOG_LEVEL"),
        ({"TRAINING_JOB_NAME": "j1"}, {"sagemaker_job_name": "j2"}, "job_name", "j1", "TRAINING_JOB_NAME"),
        ({"AWS_REGION": "eu-west-1"}, {"sagemaker_region": "us-east-1"}, "region", "eu-west-1", "AWS_REGION"),
        ({}, {"sagemaker_enable_cloudwatch_metrics": "true"}, "enable_metrics", True, "metrics"),
        ({"SAGEMAKER_TRAINING_MODULE": "a.b:c"}, {}, "framework_module", "a.b:c", "SAGEMAKER_TRAINING_MODULE"),
        ({"SMC_CODE_DIR": "/code/p-1.0"}, {}, "code_dir", "/code/p-1.0", "SMC_CODE_DIR"),
    ],
)
def test_where_a_setting_comes_from(
    job: JobFolder, variables: dict[str, str], hps: dict[str, str], field: str, value: Any, source: str
) -> None:
    job.raw_hyperparameters(hps)
    env = create(job, **variables)
    assert getattr(env, field) == value
    assert source in str(env.sources[field])


def test_the_session_gives_the_region(job: JobFolder) -> None:
    class Session:
        region_name = "ap-south-1"

    env = Environment.create(Session(), base_dir=str(job.base), environ={"AWS_REGION": "eu-west-1"})
    assert (env.region, env.sources["region"]) == ("ap-south-1", Source("session"))


def test_hosts_and_ranks(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", current="algo-2")
    env = create(job)
    assert (env.host_rank, env.master_hostname, env.is_master, env.is_primary) == (1, "algo-1", False, False)


def test_only_rank_0_is_primary(job: JobFolder) -> None:
    assert create(job, RANK="0").is_primary
    assert not create(job, RANK="1").is_primary
    assert not create(job, OMPI_COMM_WORLD_RANK="3").is_primary


def test_heterogeneous_groups(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", "algo-3", current="algo-2", current_group_name="gpu", instance_groups=GROUPS)
    job.raw_hyperparameters({"sagemaker_distribution_instance_groups": '["gpu"]'})
    env = create(job)
    assert env.is_hetero
    assert env.instance_groups == ["cpu", "gpu"]
    assert env.current_instance_group_hosts == ["algo-3", "algo-2"]
    assert (env.distribution_hosts, env.master_hostname) == (["algo-3", "algo-2"], "algo-3")


def test_a_launcher_distributes_over_its_own_group(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", "algo-3", current="algo-2", current_group_name="gpu", instance_groups=GROUPS)
    assert create(job).distribution_instance_groups == []
    job.raw_hyperparameters({"sagemaker_torch_distributed_enabled": "true"})
    assert create(job).distribution_instance_groups == ["gpu"]


def test_an_unknown_distribution_group_is_refused(job: JobFolder) -> None:
    job.hosts("algo-1", instance_groups=GROUPS[:1])
    job.raw_hyperparameters({"sagemaker_distribution_instance_groups": '["gpuu"]'})
    with pytest.raises(ConfigurationError, match=r"names the instance group 'gpuu'; resourceconfig\.json has cpu"):
        create(job)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"SAGEMAKER_CONTAINER_LOG_LEVEL": "loud"}, "variable 'SAGEMAKER_CONTAINER_LOG_LEVEL' is 'loud'"),
        ({"SMC_ARGS": "posix"}, "variable SMC_ARGS is 'posix', not one of classic, json, flags"),
    ],
)
def test_a_wrong_variable_is_named(job: JobFolder, variables: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        create(job, **variables)


def get_world_size(hosts_count: int, processors: int) -> int:
    return hosts_count * processors


class PyTorchEnvironment(Environment):
    """The seed's example, in today's spelling."""

    world_size: int = 0

    @classmethod
    def create(cls, session: Any = None, **fields: Any) -> "PyTorchEnvironment":
        env = Environment.create(session, **fields)
        return env.extend(cls, world_size=get_world_size(len(env.hosts), env.cpu_count))


class KerasEnvironment(Environment):
    backend: str


def test_a_subclass_adds_fields(job: JobFolder) -> None:
    env = PyTorchEnvironment.create(base_dir=str(job.base))
    assert env.world_size == env.cpu_count > 0
    assert env.dict()["world_size"] == env.world_size


def test_create_takes_further_fields(job: JobFolder) -> None:
    assert KerasEnvironment.create(base_dir=str(job.base), backend="jax").backend == "jax"


def test_what_follows_from_the_hosts_is_found_anew(job: JobFolder) -> None:
    env = create(job.hosts("algo-1"))
    there = env.extend(Environment, hosts=["algo-0", "algo-1", "algo-2"])
    assert (there.host_rank, there.is_master, there.is_primary) == (1, False, False)
    assert (there.master_hostname, there.distribution_hosts) == ("algo-0", ["algo-0", "algo-1", "algo-2"])
    assert there.resource_config["hosts"] == there.hosts
    moved = there.extend(Environment, current_host="algo-0")
    assert (moved.host_rank, moved.is_master, moved.is_primary) == (0, True, True)
    config = {"hosts": ["a", "b"], "current_host": "b", "network_interface_name": "ib0"}
    whole = env.extend(Environment, resource_config=config)
    assert (whole.hosts, whole.current_host, whole.host_rank) == (["a", "b"], "b", 1)
    assert whole.network_interface_name == "ib0"


def test_a_malformed_resource_config_is_refused(job: JobFolder) -> None:
    config = {"instance_groups": [{"hosts": ["algo-1"]}]}
    with pytest.raises(
        ValueError, match=r"^resource_config, instance_groups\[0\]\.instance_group_name: expected a string"
    ):
        create(job).extend(resource_config=config)


def test_what_is_given_wins_over_what_follows(job: JobFolder) -> None:
    env = create(job.hosts("algo-1")).extend(Environment, hosts=["algo-0", "algo-1"], is_primary=True, host_rank=7)
    assert (env.is_primary, env.host_rank, env.is_master) == (True, 7, False)


def test_what_follows_from_the_hyperparameters_is_found_anew(job: JobFolder) -> None:
    env = create(job.hyperparameters(epochs=5)).extend(hp_texts={"lr": "0.10"})
    assert (env.hps, env.user_args) == ({"lr": 0.1}, ["--lr", "0.10"])
    env = env.extend(hps={"lr": 0.5, "names": ["a"]}, argument_style="hydra")
    assert env.hp_texts == {"lr": "0.5", "names": '["a"]'}
    assert env.user_args == ["lr=0.5", "names=[a]"]
    assert env.extend(argument_order="file", hp_texts={"z": "1", "a": "2"}).user_args == ["z=1", "a=2"]
    with pytest.raises(ValueError, match=r"(?s)argument_style.*'classic', 'json'"):
        env.extend(argument_style="posix")


def test_the_style_of_the_arguments_is_that_of_the_job(job: JobFolder) -> None:
    env = create(job.hyperparameters(epochs=5), SMC_ARGS="hydra", SMC_ARGS_ORDER="file")
    assert (env.argument_style, env.argument_order, env.user_args) == ("hydra", "file", ["epochs=5"])
    assert env.sources["argument_style"] == Source("variable", "SMC_ARGS")
    assert env.extend(hp_texts={"epochs": "6"}).user_args == ["epochs=6"]


def test_what_follows_from_the_platforms_hyperparameters_is_found_anew(job: JobFolder) -> None:
    job.hosts("algo-1", "algo-2", "algo-3", current="algo-2", current_group_name="gpu", instance_groups=GROUPS)
    env = create(job).extend(framework_texts={"sagemaker_mpi_enabled": "true", "sagemaker_program": "b.py"})
    assert env.framework_params == {"sagemaker_mpi_enabled": True, "sagemaker_program": "b.py"}
    assert env.additional_framework_parameters == {"sagemaker_mpi_enabled": True}
    assert (env.distribution_hosts, env.is_master) == (["algo-3", "algo-2"], False)
    env = env.extend(framework_params={"sagemaker_distribution_instance_groups": ["cpu"]})
    assert env.framework_texts == {"sagemaker_distribution_instance_groups": '["cpu"]'}
    assert env.distribution_hosts == ["algo-1"]


def test_what_follows_from_channels_and_entry_point_is_found_anew(job: JobFolder) -> None:
    job.channel("training")
    env = create(job).extend(input_data_config={"b": {}, "a": {}}, user_entry_point="pkg/t.py")
    data = str(job.base / "input/data")
    assert env.channel_dirs == {"a": f"{data}/a", "b": f"{data}/b"}
    assert env.module_name == "pkg/t"
    assert env.extend(input_data_dir="/data").channel_dirs["a"] == "/data/a"


def test_a_rank_stays_what_the_launcher_gave_it(job: JobFolder) -> None:
    env = create(job.hosts("algo-1"), RANK="1")
    assert (env.is_first_process, env.sources["is_first_process"]) == (False, Source("variable", "RANK"))
    assert not env.extend(hosts=["algo-1", "algo-2"]).is_primary
    assert env.extend(is_first_process=True).is_primary
    assert create(job, RANK="0").sources["is_first_process"] == Source("variable", "RANK")


def test_create_finds_anew_what_follows_too(job: JobFolder) -> None:
    class Renamed(Environment):
        @classmethod
        def own_fields(cls, environment: Environment, environ: Mapping[str, str]) -> dict[str, Any]:
            return {"hp_texts": {"lr": "1"}}

    made = Renamed.create(base_dir=str(job.base), environ={}, hosts=["a", "b"], current_host="b")
    assert (made.user_args, made.host_rank, made.is_master) == (["--lr", "1"], 1, False)


@pytest.mark.parametrize(
    ("raw", "value"), [("true", "true"), ('"true"', "true"), (" 8 ", " 8 "), ("", None), ("null", None), (None, None)]
)
def test_a_hyperparameter_of_the_platforms_converts_itself(job: JobFolder, raw: str | None, value: str | None) -> None:
    job.raw_hyperparameters({} if raw is None else {"sagemaker_num_hosts": raw})
    found = create(job).param("sagemaker_num_hosts")
    assert found == value
    assert value != "true" or (found is not None and found.to_bool())


def test_a_hyperparameter_of_the_platforms_is_named_where_it_is_wrong(job: JobFolder) -> None:
    job.raw_hyperparameters({"sagemaker_num_processes": "many"})
    found = create(job).param("sagemaker_num_processes")
    assert found is not None
    with pytest.raises(ConfigurationError, match="hyperparameter 'sagemaker_num_processes' is 'many'"):
        found.to_int()


def test_two_plugins_extend_one_environment(job: JobFolder) -> None:
    job.hyperparameters(epochs=3)
    env = create(job).extend(KerasEnvironment, backend="jax").extend(PyTorchEnvironment, world_size=8)
    assert isinstance(env, KerasEnvironment)
    assert isinstance(env, PyTorchEnvironment)
    assert (env.backend, env.world_size, env.epochs.to_int()) == ("jax", 8, 3)
    again = env.extend(KerasEnvironment, backend="torch")
    assert (again.backend, again.world_size) == ("torch", 8)
    assert again.sources == create(job).sources
    assert again == create(job).extend(KerasEnvironment, backend="torch").extend(PyTorchEnvironment, world_size=8)
    assert pickle.loads(pickle.dumps(again)) == again


def test_dict_is_all_fields_and_json_can_be_made_of_it(job: JobFolder) -> None:
    env = create(job)
    assert json.loads(json.dumps(env.dict())) == env.dict()
    assert "sources" not in env.dict()
    env.dict()["hosts"].append("algo-2")
    assert len(env.hosts) == 1


def test_it_can_be_pickled_for_a_process_pool(job: JobFolder) -> None:
    job.hyperparameters(epochs=3)
    env = create(job)
    copies = [pickle.loads(pickle.dumps(env)), copy.copy(env), copy.deepcopy(env)]
    assert copies == [env] * 3
    assert copies[2].hosts is not env.hosts
    assert {hash(each) for each in copies} == {hash(env)}
    assert copies[0].epochs.to_int() == 3
    assert pickle.loads(pickle.dumps(env["epochs"])) == "3"


def test_a_subclass_says_what_it_adds_to_what_was_read(job: JobFolder) -> None:
    class Wide(Environment):
        world_size: int

        @classmethod
        def own_fields(cls, environment: Environment, environ: Mapping[str, str]) -> dict[str, Any]:
            return {"world_size": len(environment.hosts) * int(environ["PER_HOST"]), "region": "eu-west-1"}

    job.hosts("algo-1", "algo-2")
    made = Wide.create(base_dir=str(job.base), environ={"PER_HOST": "4", "AWS_REGION": "us-east-1"})
    assert (made.world_size, made.region) == (8, "eu-west-1")
    assert Wide.create(base_dir=str(job.base), environ={"PER_HOST": "4"}, world_size=3).world_size == 3


def test_what_the_classic_library_understands_itself_is_no_further_parameter(job: JobFolder) -> None:
    own = (
        "sagemaker_program sagemaker_submit_directory sagemaker_enable_cloudwatch_metrics sagemaker_region "
        "sagemaker_container_log_level sagemaker_job_name default_user_module_name _tuning_objective_metric "
        "sagemaker_s3_output"
    ).split()
    job.raw_hyperparameters({**dict.fromkeys(own, "1"), "sagemaker_mpi_enabled": "true"})
    env = create(job)
    assert env.additional_framework_parameters == {"sagemaker_mpi_enabled": True}
    assert set(env.framework_params) == {*own, "sagemaker_mpi_enabled"}


def test_extend_without_a_class_keeps_the_class(job: JobFolder) -> None:
    env = create(job).extend(KerasEnvironment, backend="jax").extend(model_dir="/elsewhere")
    assert (type(env), env.model_dir, env.backend) == (KerasEnvironment, "/elsewhere", "jax")


def test_what_a_plugin_gives_is_checked_as_it_is_annotated(job: JobFolder) -> None:
    class Sized(Environment):
        size: Annotated[int, annotated_types.Gt(0)]
        ratio: float = 1.0

    env = create(job).extend(Sized, size="4", ratio=2)
    assert (env.size, type(env.ratio)) == (4, float)
    with pytest.raises(ValueError, match=r"(?s)2 validation errors for Sized.*size.*greater than 0.*job_name"):
        create(job).extend(Sized, size=0, job_name=5)
    with pytest.raises(TypeError, match=r"^Sized has no field 'sise'; did you mean 'size'"):
        create(job).extend(Sized, sise=3)
    with pytest.raises(TypeError, match=r"^Sized\(\) is missing size"):
        create(job).extend(Sized)


def test_extending_by_the_class_in_place_of_the_environment_says_what_goes_first() -> None:
    class Sized(Environment):
        size: int

    environment = Environment.create(base_dir="/nowhere", environ={})
    with pytest.raises(TypeError, match=r"has no field 'size': name the class that adds it first, extend\(MyEnv"):
        Sized.extend(environment, size=3)
    assert environment.extend(Sized, size=3).size == 3


def test_a_property_of_a_plugin_is_listed_too(job: JobFolder) -> None:
    class Doubled(KerasEnvironment):
        @property
        def shout(self) -> str:
            return self.backend.upper()

    assert create(job).extend(Doubled, backend="jax").dict()["shout"] == "JAX"


def test_a_representation_has_the_fields_and_no_sources(job: JobFolder) -> None:
    shown = repr(create(job).extend(KerasEnvironment, backend="jax"))
    assert shown.startswith(f"KerasEnvironment(base_dir={str(job.base)!r}, input_dir=")
    assert shown.endswith("argument_order='sorted', backend='jax')")


USES = """
from smc_core.environment import Environment, field
class Mine(Environment):
    world_size: int = field("processes", default=1)
    names: dict[str, list[str]] | None = None
env = Mine.create(base_dir={base!r}).extend(world_size=2, names={{"a": ["b"]}}, hosts=["x"], current_host="x")
import sys
print(env.world_size, "pydantic" in sys.modules, env.extend(world_size="3").world_size, "pydantic" in sys.modules)
"""


def test_no_validator_is_imported_for_what_needs_none(job: JobFolder) -> None:
    program = "from __future__ import annotations" + USES.format(base=str(job.base))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False", "3", "True"]


def test_an_environment_that_is_made_of_nothing_says_in_a_line_what_makes_one() -> None:
    with pytest.raises(TypeError) as caught:
        room.Environment()
    assert str(caught.value) == (
        "Environment() has no base_dir and 54 fields more: Environment.create() reads them from the job's files"
    )
    with pytest.raises(TypeError, match=r"Environment\.create\(\)"):
        room.Environment(base_dir="/opt/ml")
