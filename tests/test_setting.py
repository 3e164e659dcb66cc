"""What is stored beside a measured number."""

import datetime
import json
import os
import platform
import re

import torch

from mha.measure.setting import setting


def test_the_setting_is_that_of_this_process():
    found = setting()
    assert json.loads(json.dumps(found)) == found
    assert re.fullmatch(rf"\S.*, {os.cpu_count()} cores", found["processor"])
    assert found["threads"] == torch.get_num_threads()
    assert found["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert (found["torch"], found["python"]) == (torch.__version__, platform.python_version())
    assert found["system"] == platform.system()
    assert abs(datetime.date.fromisoformat(found["date"]) - datetime.date.today()) <= datetime.timedelta(days=1)
