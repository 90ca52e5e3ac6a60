"""Where the embedded server keeps its things."""

import os
from pathlib import Path

import pytest

from config.embedded import EmbeddedPostgresError, embedded_database
from config.embedded.cluster import check_owner, ensure_data
from config.embedded.paths import MAX_SOCKET_PATH_BYTES, SHORT_FOLDER, SOCKET_NAME, ServerPaths
from config.embedded.programs import server_owner


def test_the_socket_is_in_the_home_when_its_path_fits() -> None:
    paths = ServerPaths.of(Path("/srv/segmill"))
    assert paths.socket_folder == paths.data == Path("/srv/segmill/postgres/data")


@pytest.mark.parametrize(
    "home", ["/srv/" + "x" * 90, "/srv/" + "ü" * 45, "/srv/one,two"], ids=["long", "bytes", "comma"]
)
def test_the_socket_is_elsewhere_when_its_path_cannot_be_used(home: str) -> None:
    folder = ServerPaths.of(Path(home)).socket_folder
    assert folder.parent == SHORT_FOLDER
    assert len(os.fsencode(folder / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES
    assert folder == ServerPaths.of(Path(home)).socket_folder
    assert folder != ServerPaths.of(Path(home + "2")).socket_folder


def test_every_spelling_of_a_home_is_one_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    spellings = [tmp_path / "real", tmp_path / "link", Path("real"), tmp_path / "x" / ".." / "real"]
    assert len({ServerPaths.of(spelling) for spelling in spellings}) == 1


def test_the_settings_name_the_socket_and_touch_nothing(tmp_path: Path) -> None:
    entry = embedded_database(tmp_path / "home", "segmill")
    assert entry["HOST"] == str(ServerPaths.of(tmp_path / "home").socket_folder)
    assert entry["ENGINE"] == "config.embedded"
    assert entry["NAME"] == "segmill"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def old_data(tmp_path: Path) -> ServerPaths:
    """A home whose data another major version made."""
    paths = ServerPaths.of(tmp_path)
    paths.data.mkdir(parents=True)
    (paths.data / "PG_VERSION").write_text("16\n")
    os.chown(paths.data, *server_owner())
    return paths


def test_data_of_another_version_is_refused_with_a_remedy(old_data: ServerPaths) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 16.*SEGMILL_HOME"):
        ensure_data(old_data, server_file=0)


def test_data_of_another_user_is_refused_with_a_remedy(old_data: ServerPaths) -> None:
    owner = old_data.data.stat().st_uid
    with pytest.raises(EmbeddedPostgresError, match=rf"id {owner}, .*SEGMILL_HOME"):
        check_owner(old_data.data, server=owner + 1)
