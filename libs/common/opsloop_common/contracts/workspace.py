"""Events of a workspace's settings, which every service has and one service decides."""

from __future__ import annotations

from opsloop_common.contracts.envelope import EventData


class WorkspaceEvent(EventData):
    """Settings of a workspace in a version, and the names of those that the change was about."""

    aggregate = "workspace"
    route = "/v1/workspace"

    name: str
    time_zone: str
    locale: str
    week_start: str
    settings_version: int
    changed: list[str]

    def subject(self) -> str:
        """Return `workspace/<name>`."""
        return f"workspace/{self.name}"


class WorkspaceChanged(WorkspaceEvent):
    """The settings of the workspace changed, for all services: told by the feedback service, which decides and numbers them."""

    type = "workspace.changed"


class WorkspaceChangeRequested(WorkspaceEvent):
    """A change of settings was taken at another service, which goes by it already; `workspace.changed` follows for all."""

    type = "workspace.change_requested"
    is_internal = True
