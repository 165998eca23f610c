"""The documentation page asks nobody else for anything."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsloop_common.http.docs import committed_contract
from opsloop_common.testing.sample.service import SAMPLE


async def test_docs_and_their_assets_come_from_here(api):
    sample = await api(SAMPLE)

    page = await sample.client.get("/docs")
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)

    assert page.status_code == 200
    assert addresses
    assert not [address for address in addresses if "//" in address]
    assert "url: 'openapi.json'" in page.text
    for address in addresses:
        asset = await sample.client.get(f"/{address}")
        assert asset.status_code == 200, address
        assert asset.headers["x-request-id"]
        same = await sample.client.get(f"/{address}", headers={"If-None-Match": asset.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


async def test_the_contract_is_rendered_once_and_not_sent_to_who_has_it(api, monkeypatch):
    sample = await api(SAMPLE)
    first = await sample.client.get("/openapi.json")

    monkeypatch.setattr(sample.app, "openapi", None)  # whoever asks for it again finds nothing
    again = await sample.client.get("/openapi.json")
    same = await sample.client.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})

    assert first.json()["openapi"]
    assert again.content == first.content
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of a package that can be imported."""
    folder = tmp_path / "opsloop_elsewhere"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop(folder.name, None)


def test_a_contract_is_read_beside_its_package_and_in_it_first(package: Path):
    assert committed_contract(package.name) is None

    (package.parent / "openapi.json").write_text('{"openapi": "3.1.0", "info": {"title": "结帐"}}', encoding="utf-8")
    assert committed_contract(package.name) == {"openapi": "3.1.0", "info": {"title": "结帐"}}

    (package / "openapi.json").write_text('{"openapi": "3.1.1"}', encoding="utf-8")
    assert committed_contract(package.name) == {"openapi": "3.1.1"}


def test_a_service_without_a_committed_contract_makes_its_own():
    assert committed_contract(SAMPLE.migrations.partition(".")[0]) is None
