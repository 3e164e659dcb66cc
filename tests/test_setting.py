"""What is stored beside a measured number."""

import datetime
import json
import os
import platform
import re

import torch

import mha.measure.setting
from mha.measure.setting import setting


def test_a_processor_is_named_by_linux_or_by_python(tmp_path, monkeypatch):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: A Core: 3 GHz\nmodel name\t: another\n")
    monkeypatch.setattr(mha.measure.setting, "Path", lambda _: cpuinfo)
    assert setting()["processor"].startswith("A Core: 3 GHz, ")
    cpuinfo.write_text("processor\t: 0\n")
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "a machine")
    assert setting()["processor"].startswith("a machine, ")
    cpuinfo.unlink()
    monkeypatch.setattr(platform, "processor", lambda: "a processor")
    assert setting()["processor"].startswith("a processor, ")


def test_the_setting_is_that_of_this_process():
    found = setting()
    assert json.loads(json.dumps(found)) == found
    assert re.fullmatch(rf"\S.*, {os.cpu_count()} cores", found["processor"])
    assert found["threads"] == torch.get_num_threads()
    assert found["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert (found["torch"], found["python"]) == (torch.__version__, platform.python_version())
    assert found["system"] == platform.system()
    assert abs(datetime.date.fromisoformat(found["date"]) - datetime.date.today()) <= datetime.timedelta(days=1)
