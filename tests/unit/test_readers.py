"""The JSON files of the contract."""

import json
import os
import socket

import pytest

from smc_core.environment import channel_dir, read_config, read_hps, read_input_data_config, read_resource_config
from smc_core.errors import ConfigurationError
from smc_core.readers import read_hyperparameter_texts
from smc_core.testing import JobFolder

TWO_HOSTS = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}


def test_missing_files_are_no_error(job: JobFolder) -> None:
    assert read_hps(job.base) == {}
    assert read_input_data_config(job.base) == {}
    name = socket.gethostname()
    assert read_resource_config(job.base) == {"current_host": name, "hosts": [name]}


def test_all_three_encodings_are_read(job: JobFolder) -> None:
    job.raw_hyperparameters({"raw": "adam", "quoted": '"adam"', "number": "0.1", "native": 0.1, "list": [1]})
    assert read_hps(job.base) == {"raw": "adam", "quoted": "adam", "number": 0.1, "native": 0.1, "list": [1]}


def test_channels_and_their_folders(job: JobFolder) -> None:
    folder = job.channel("train.v1-a", {"x.csv": "1"})
    assert list(read_input_data_config(job.base)) == ["train.v1-a"]
    assert channel_dir("train.v1-a", job.base) == str(folder)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"a": }', "line 1, column 7"),
        ('{\n "a": "1"\n "b": 2}', "line 3, column 2"),
        ("", "line 1, column 1"),
        ("[1]", "expected a JSON object, found a list"),
        ("null", "expected a JSON object, found nothing"),
        ('{"x": ' + "[" * 600 + "]" * 600 + "}", "not usable JSON: it is nested more than 100 deep"),
    ],
)
def test_a_malformed_file_is_named_with_its_place(job: JobFolder, text: str, place: str) -> None:
    job.config("hyperparameters.json", text)
    with pytest.raises(ConfigurationError) as caught:
        read_hps(job.base)
    message = str(caught.value)
    assert "hyperparameters.json" in message
    assert place in message
    assert len(message.splitlines()) == 1


def test_text_that_is_not_utf8_is_named(job: JobFolder) -> None:
    path = job.base / "input/config/hyperparameters.json"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ConfigurationError, match="byte 7: not UTF-8"):
        read_hps(job.base)


def test_a_byte_order_mark_is_no_harm(job: JobFolder) -> None:
    (job.base / "input/config/hyperparameters.json").write_bytes(b'\xef\xbb\xbf{"a": "1"}')
    assert read_hps(job.base) == {"a": 1}


def test_a_fifo_in_place_of_a_file_is_named_and_not_waited_for(job: JobFolder) -> None:
    os.mkfifo(job.base / "input/config/hyperparameters.json")
    with pytest.raises(ConfigurationError, match=r"hyperparameters.json: cannot be read: Not a regular file"):
        read_hyperparameter_texts(job.base)
    ended = job.code(train_py="").run("train.py")
    assert ended.exit_code == 2, ended.stderr


def test_a_folder_in_place_of_a_file_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hosts": ["a"]}, "current_host: expected a string, found nothing"),
        ({"current_host": "a"}, "hosts: expected a list of strings, at least one, found nothing"),
        ({"current_host": "a", "hosts": []}, "hosts: expected a list of strings"),
        ({"current_host": "a", "hosts": ["a", 3]}, r"hosts\[1\]: expected a string, found 3"),
        ({"current_host": "a", "hosts": ["b"]}, r"current_host: expected one of hosts \(b\), found 'a'"),
        ({**TWO_HOSTS, "network_interface_name": 1}, "network_interface_name: expected a string"),
        ({**TWO_HOSTS, "instance_groups": {}}, "instance_groups: expected a list of objects, found an object"),
        ({**TWO_HOSTS, "instance_groups": [3]}, r"instance_groups\[0\]: expected an object, found 3"),
        ({**TWO_HOSTS, "instance_groups": [{"instance_group_name": "g"}]}, r"instance_groups\[0\]\.hosts"),
        ({**TWO_HOSTS, "topology": [1]}, r"topology\[0\]"),
    ],
)
def test_a_wrong_field_of_the_hosts_is_named(job: JobFolder, config: object, message: str) -> None:
    job.config("resourceconfig.json", config)
    with pytest.raises(ConfigurationError, match=message):
        read_resource_config(job.base)


@pytest.mark.parametrize("name", ["../up", "a/b", "", "x" * 65, "..", "sp ace"])
def test_a_channel_name_that_is_none_is_refused(job: JobFolder, name: str) -> None:
    job.config("inputdataconfig.json", json.dumps({name: {}}))
    with pytest.raises(ConfigurationError, match="a channel name of 1 to 64"):
        read_input_data_config(job.base)


def test_a_channel_that_is_no_object_is_refused(job: JobFolder) -> None:
    job.config("inputdataconfig.json", {"training": "File"})
    with pytest.raises(ConfigurationError, match="training: expected an object, found 'File'"):
        read_input_data_config(job.base)


def test_a_channel_without_a_configuration_is_a_channel(job: JobFolder) -> None:
    job.config("inputdataconfig.json", {"training": None, "validation": {"TrainingInputMode": "File"}})
    assert read_input_data_config(str(job.base)) == {"training": {}, "validation": {"TrainingInputMode": "File"}}
