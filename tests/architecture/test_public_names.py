"""The public names. A change here is a change that users see, and belongs in CHANGELOG.md."""

from __future__ import annotations

import importlib

import pytest

from smc_core.environment import Environment, fields
from smc_core.plugins import HOOKS

ROOMS = {
    "smc_core": """
        CodeError Command ConfigurationError Environment HostError PluginConflictError PluginError
        PluginLoadError PluginVersionError SmcError TrainResult UserCodeError Value __version__ contract
        environment errors functions hookimpl hookspecs log_metric log_metrics modules progress
    """,
    "smc_core.command": "Command",
    "smc_core.contract": "JobPaths current_host job_paths write_atomic",
    "smc_core.environment": """
        ALIASES BASE_PATH CURRENT_HOST_ENV DEFAULT_MODULE_NAME_PARAM ENABLE_METRICS_PARAM Environment
        HYPERPARAMETERS_FILE INPUT_CONFIG_PATH INPUT_DATA_CONFIG_FILE INPUT_DATA_PATH INPUT_PATH JOB_NAME_ENV
        JOB_NAME_PARAM LOG_LEVEL_PARAM MODEL_PATH OUTPUT_DATA_PATH OUTPUT_PATH PROGRAM_PARAM REGION_PARAM_NAME
        RESOURCE_CONFIG_FILE SAGEMAKER_HPS SUBMIT_DIR_PARAM Source USE_NGINX_ENV Value channel_dir cpu_count field fields gpu_count
        read_config read_hps read_input_data_config read_resource_config split_hps
    """,
    "smc_core.errors": """
        CodeError ConfigurationError HostError PluginConflictError PluginError PluginLoadError
        PluginVersionError SmcError UserCodeError
    """,
    "smc_core.functions": """
        Signature call call_with_env execute import_target intersect_fn_args signature
    """,
    "smc_core.hookspecs": """
        TrainResult create_environment job_variables keep_model launch load_user_module save_model train
    """,
    "smc_core.hyperparameters": """
        Value compact_json decode is_platform_key param parse_preserving_numbers raw_text split_hps unwrapped
        variable_names
    """,
    "smc_core.kit": """
        Framework HARMLESS_SIGNALS HostLink Inbox Ports Report STOP_SIGNALS await_request
        check_framework death_in_words die_with_parent error_in_a_line exit_code export_note first_report
        is_asked_for is_installed is_running is_switched_on job_reports lazy_exports log_line main
        move_into prefer_standard_library processes_per_host reach report_death report_for_another run_child run_ranks
        signal_tree signals_to_take size_text start_child stop_children takes_part who_asks write_into
        write_whole
    """,
    "smc_core.metrics": "log_metric log_metrics progress",
    "smc_core.modules": """
        DEFAULT_MODULE_NAME download download_and_import execute import_module install start_metrics
    """,
    "smc_core.setting": "Choice Count Flag Names Seconds Setting Text",
    "smc_core.testing": """
        JobFolder JobResult PluginManager Result Running start wait_until
    """,
}
FIELDS = """
    additional_framework_parameters argument_order argument_style attempt
    base_dir channel_dirs checkpoint_dir code_dir cpu_count current_host current_instance_group
    current_instance_group_hosts current_instance_type distribution_hosts distribution_instance_groups
    enable_metrics framework_module framework_params framework_texts gpu_count host_rank hosts hosts_resolve hp_texts hps input_config_dir
    input_data_config input_data_dir input_dir instance_groups instance_groups_dict is_first_process is_hetero is_master
    is_primary job_name log_level master_hostname master_port model_dir module_dir module_name
    network_interface_name neuron_count output_data_dir output_dir output_intermediate_dir platform region
    resource_config sources stop_grace tensorboard_dir topology user_args user_entry_point
"""


@pytest.mark.parametrize("room", ROOMS)
def test_names_of_a_room(room: str) -> None:
    assert _names(room) == ROOMS[room].split()


def test_each_name_of_the_kit_is_found_where_it_is_defined() -> None:
    kit = importlib.import_module("smc_core.kit")
    assert [name for name in kit.__all__ if not hasattr(kit, name)] == []
    assert {*dir(kit), "lazy_exports"} == {*kit.__all__}
    with pytest.raises(AttributeError, match=r"module 'smc_core\.kit' has no attribute 'write_hole'"):
        kit.write_hole  # noqa: B018 - the error is what is wanted


def test_fields_of_the_environment() -> None:
    assert sorted(fields(Environment)) == FIELDS.split()


def test_hooks() -> None:
    assert HOOKS == (
        "create_environment",
        "job_variables",
        "launch",
        "load_user_module",
        "train",
        "save_model",
        "keep_model",
    )


def _names(room: str) -> list[str]:
    """``__all__`` where there is one; else the classes and functions that the room defines."""
    module = importlib.import_module(room)
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == room
    )
