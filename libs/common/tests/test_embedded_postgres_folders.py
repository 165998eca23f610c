"""Files and folders of the server on a machine with other users, and the user that it runs as; no server is started."""

import os
import pwd
from types import SimpleNamespace

import pytest

from opsloop_common.embedded_postgres import PostgresFailed, account, folders
from opsloop_common.embedded_postgres.account import DEDICATED, NOBODY, Account, initialising_account, server_account

ME = os.geteuid()
AS_ROOT = pytest.mark.skipif(ME != 0, reason="only root gives files away")
OTHER = 54_321
SAID = b"words"


def plain(path):
    path.write_bytes(SAID)


def link(path):
    path.with_name("target").write_bytes(SAID)
    path.symlink_to("target")


def second_name(path):
    path.with_name("target").write_bytes(SAID)
    path.hardlink_to(path.with_name("target"))


def pipe(path):
    os.mkfifo(path)


def of_another(path):
    path.write_bytes(SAID)
    os.chown(path, OTHER, OTHER)


NOT_PLAIN = [link, second_name, pipe, lambda path: path.mkdir(), pytest.param(of_another, marks=AS_ROOT)]


def test_a_plain_file_of_ours_is_read_and_written_over(tmp_path):
    plain(tmp_path / "file")

    assert folders.read(tmp_path, "file", {ME}) == SAID
    folders.overwrite(tmp_path, "file", "x", {ME})
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize("lay", NOT_PLAIN)
def test_what_is_not_a_plain_file_of_ours_is_neither_read_nor_written(tmp_path, lay):
    lay(tmp_path / "file")

    assert folders.read(tmp_path, "file", {ME}) is None
    folders.overwrite(tmp_path, "file", "x", {ME})

    assert "x" not in [path.read_text() for path in tmp_path.iterdir() if path.is_file()]


@pytest.mark.parametrize("lay", [lambda path: None, plain, link, second_name, pipe])
def test_a_file_takes_the_place_of_whatever_has_its_name_and_touches_nothing_else(tmp_path, lay):
    lay(tmp_path / "file")
    (tmp_path / "file.opsloop").symlink_to("target")  # left by somebody, or by a kill

    folders.replace(tmp_path, "file", "new", Account(ME, os.getegid()))

    found = tmp_path / "file"
    assert (found.is_symlink(), found.read_text(), found.stat().st_mode & 0o777) == (False, "new", 0o600)
    assert not (tmp_path / "target").exists() or (tmp_path / "target").read_bytes() == SAID
    assert not (tmp_path / "file.opsloop").is_symlink()


@pytest.mark.parametrize("lay", [plain, link, lambda path: path.symlink_to(path.parent)])
def test_a_folder_is_opened_as_one_or_not_at_all(tmp_path, lay):
    lay(tmp_path / "folder")

    with pytest.raises(PostgresFailed, match="is a link or a file"), folders.opened(tmp_path / "folder"):
        pass
    with pytest.raises(FileNotFoundError), folders.opened(tmp_path / "missing"):
        pass


def test_names_are_sorted_and_owners_are_of_the_link_itself(tmp_path):
    for name in "cab":
        (tmp_path / name).symlink_to("/nowhere")
    with folders.opened(tmp_path) as descriptor:
        assert folders.names(descriptor) == ["a", "b", "c"]

    assert folders.owner_of(tmp_path / "a") == ME
    assert folders.owner_of(tmp_path / "missing") is None


@pytest.mark.parametrize("mode", [None, 0o755, 0o700, 0o000])
def test_a_private_folder_is_ours_alone_however_it_was(tmp_path, mode):
    if mode is not None:
        (tmp_path / "data").mkdir(mode=mode)

    folders.make_private(tmp_path / "data", Account(ME, os.getegid()))

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@AS_ROOT
def test_a_private_folder_is_the_accounts_from_its_making_and_a_foreign_one_is_refused(tmp_path):
    folders.make_private(tmp_path / "data", Account(OTHER, OTHER))
    assert folders.owner_of(tmp_path / "data") == OTHER

    with pytest.raises(PostgresFailed, match=f"belongs to user {OTHER}.*OPSLOOP_POSTGRES_USER={OTHER}"):
        folders.make_private(tmp_path / "data", Account(OTHER + 1, OTHER))


@pytest.fixture
def cluster(tmp_path):
    """A data directory that another user owned."""
    made = tmp_path / "data"
    (made / "base" / "1").mkdir(parents=True)
    for file in (made / "PG_VERSION", made / "base" / "1" / "table", made / "server.log"):
        plain(file)
    for path in (made, *made.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.chown(made / "server.log", 0, 0)
    return made


@AS_ROOT
def test_a_cluster_changes_hands_whole(cluster):
    folders.take_over(cluster, Account(OTHER, OTHER), {NOBODY}, last="PG_VERSION")

    assert {path.lstat().st_uid for path in (cluster, *cluster.rglob("*"))} == {OTHER}
    assert not (cluster / "server.log").exists()
    folders.take_over(cluster, Account(OTHER, OTHER), {NOBODY}, last="PG_VERSION")  # a second time changes nothing


@AS_ROOT
@pytest.mark.parametrize("lay", [link, second_name, pipe, of_another])
def test_a_cluster_in_which_something_else_lies_stays_unfinished(cluster, lay):
    lay(cluster / "base" / "1" / "laid")

    with pytest.raises(PostgresFailed, match="is not a plain file of PostgreSQL's"):
        folders.take_over(cluster, Account(OTHER + 1, OTHER), {NOBODY}, last="PG_VERSION")

    assert (cluster / "PG_VERSION").lstat().st_uid == NOBODY


@pytest.mark.parametrize(
    ("modes", "expected"), [((0o755, 0o755), None), ((0o700, 0o755), "a"), ((0o755, 0o750), "b"), ((0o700, 0o700), "a")]
)
def test_the_first_folder_that_others_cannot_enter_is_named(tmp_path, modes, expected):
    for parent in (tmp_path, *tmp_path.parents):
        if parent.owner() == pwd.getpwuid(ME).pw_name and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o001)
    for name, mode in zip(("a", "a/b"), modes, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)

    found = folders.closed_to_others(tmp_path / "a" / "b" / "not there yet")

    assert (found and found.name) == expected


def test_a_way_goes_over_dots_and_links_and_ends_where_nothing_is(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "round").symlink_to("a/../round")
    (tmp_path / "fine").symlink_to(tmp_path / "a" / ".." / "a")

    folders.require_own_way(tmp_path / "fine" / "missing" / "data")
    with pytest.raises(PostgresFailed, match="too many links"):
        folders.require_own_way(tmp_path / "round" / "data")


@pytest.mark.parametrize(("mode", "fine"), [(0o755, True), (0o777, False), (0o1777, True)])
def test_where_everybody_may_write_only_the_sticky_bit_keeps_ours_in_place(tmp_path, mode, fine):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(mode)

    def look():
        folders.require_own_way(tmp_path / "shared" / "data")

    if fine:
        look()
        return
    with pytest.raises(PostgresFailed, match="may be written by other users"):
        look()
    folders.require_own_way(tmp_path / "shared", end=tmp_path / "shared")


@pytest.fixture
def system(monkeypatch):
    """A system with these users and groups, on which we are root or somebody else."""

    def made(users, *, groups=(), uid=0):
        def by(key, entries):
            return lambda wanted: next((e for e in entries if getattr(e, key) == wanted), None) or missing(wanted)

        def missing(wanted):
            raise KeyError(wanted)

        entries = [SimpleNamespace(pw_name=name, pw_uid=number, pw_gid=number) for name, number in users.items()]
        monkeypatch.setattr(
            account, "pwd", SimpleNamespace(getpwnam=by("pw_name", entries), getpwuid=by("pw_uid", entries))
        )
        named = [SimpleNamespace(gr_gid=number) for number in groups]
        monkeypatch.setattr(account, "grp", SimpleNamespace(getgrgid=by("gr_gid", named)))
        monkeypatch.setattr(account, "os", SimpleNamespace(geteuid=lambda: uid, getegid=lambda: uid))

    return made


USERS = {"root": 0, "nobody": NOBODY, "pg": 70}


@pytest.mark.parametrize(
    ("users", "wanted", "expected"),
    [
        (USERS, None, Account(DEDICATED, DEDICATED)),
        (USERS | {"opsloop": 900}, None, Account(900, 900, "opsloop")),
        (USERS | {"opsloop": 900}, "pg", Account(70, 70, "pg")),
        (USERS, "70", Account(70, 70, "pg")),
        (USERS, "71", Account(71, 71)),
    ],
)
def test_root_hands_the_server_to_a_user_of_its_own(system, users, wanted, expected):
    system(users)

    assert server_account(wanted) == expected
    assert expected.as_popen() == {"user": expected.uid, "group": expected.gid, "extra_groups": []}


@pytest.mark.parametrize("wanted", ["root", "nobody", "0", str(NOBODY), "missing", "-1", "1" * 11, "٣", ""])
def test_users_that_are_not_its_own_or_do_not_exist_are_refused(system, wanted):
    system(USERS)

    with pytest.raises(PostgresFailed, match="OPSLOOP_POSTGRES_USER"):
        server_account(wanted)


@pytest.mark.parametrize(("more", "groups"), [({"taken": DEDICATED}, ()), ({}, (DEDICATED,))])
def test_the_number_that_is_nobody_s_must_be_nobody_s(system, more, groups):
    system(USERS | more, groups=groups)

    with pytest.raises(PostgresFailed, match=f"{DEDICATED}.*useradd"):
        server_account()


@pytest.mark.parametrize("wanted", [None, "ann", "1000"])
def test_an_ordinary_user_runs_it_itself_and_starts_programs_as_they_are(system, wanted):
    system(USERS | {"ann": 1000}, uid=1000)

    assert server_account(wanted) == Account(1000, 1000, "ann")
    assert server_account(wanted).as_popen() == {}
    with pytest.raises(PostgresFailed, match="Only root"):
        server_account("pg")


def test_a_user_without_a_name_is_told_so(system):
    system(USERS, uid=4711)

    with pytest.raises(PostgresFailed, match="User 4711 has no name"):
        server_account()


def test_a_number_without_a_name_is_initialised_by_nobody_in_a_group_of_its_own(system):
    system(USERS)
    assert initialising_account(Account(70, 70, "pg")) == Account(70, 70, "pg")
    assert initialising_account(Account(DEDICATED, DEDICATED)) == Account(NOBODY, DEDICATED, "nobody")

    system({"root": 0})
    with pytest.raises(PostgresFailed, match="useradd"):
        initialising_account(Account(DEDICATED, DEDICATED))
