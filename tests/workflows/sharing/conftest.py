import pytest

from dgf.workflows.training.run_folder import RunFolder
from support.somebodys_run import make_somebodys_run


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return RunFolder(make_somebodys_run(tmp_path_factory.mktemp("home") / "of zoe"))
