"""What the root of the one process answers."""

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from opsloop.root import create_root
from opsloop_common.settings import Settings


def service(name: str) -> Starlette:
    async def here(_):
        return PlainTextResponse(name)

    async def page(request):
        return PlainTextResponse(
            f"{name} {request.path_params['workspace']} {request.url_for('page', workspace='x').path}"
        )

    pages = Route("/p/{workspace}/roadmap", page, name="page")
    return Starlette(routes=[Route("/v1/here", here), Route("/metrics", here), pages])


def registry(count: int) -> CollectorRegistry:
    made = CollectorRegistry()
    Counter("posts", "Posts by kind.", ("kind",), registry=made).labels("bug").inc(count)
    Histogram("seconds", "How long.", registry=made, buckets=(1.0,)).observe(0.5)
    return made


@pytest.fixture
def reasons() -> dict:
    return {}


@pytest.fixture
async def client(reasons):
    async def ready():
        return ("unready" if "database" in reasons.get("metrics", {}) else "degraded" if reasons else "ready"), reasons

    apps = {"feedback": service("feedback"), "metrics": service("metrics")}
    root = create_root(
        apps, {"feedback": registry(1), "metrics": registry(2)}, ready, Settings(), rooms={"roadmap": "feedback"}
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(root), base_url="http://test") as client:
        yield client


async def test_each_service_answers_below_its_own_path(client):
    assert (await client.get("/api/feedback/v1/here")).text == "feedback"
    assert (await client.get("/api/metrics/v1/here")).text == "metrics"


async def test_the_pages_of_a_room_are_its_services(client):
    assert (await client.get("/p/acme/roadmap")).text == "feedback acme /p/x/roadmap"
    for path in ("/p/acme/help", "/p/acme", "/p/", "/p/acme//roadmap", "/p/acme/roadmap/x"):
        assert (await client.get(path)).status_code == 404, path


async def test_metrics_of_all_services_are_one_page_with_a_service_label(client):
    answer = await client.get("/metrics")

    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert set(families) == {"posts", "seconds"}
    assert [(s.labels, s.value) for s in families["posts"].samples] == [
        ({"kind": "bug", "service": "feedback"}, 1.0),
        ({"kind": "bug", "service": "metrics"}, 2.0),
    ]
    assert {s.labels["service"] for s in families["seconds"].samples} == {"feedback", "metrics"}


async def test_below_a_service_there_are_no_metrics(client):
    answer = await client.get("/api/feedback/metrics")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/", "/api/feedbackx/v1/here", "//api/feedback/v1/here", "/metrics/"]
)
async def test_what_names_no_service_is_a_problem_with_a_request_id(client, path):
    answer = await client.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/api/feedback", "/api/feedback/", "/api/feedback/v1/a%0Ab", "/api/feedback/%2F.."])
async def test_whatever_is_below_a_service_is_its_own(client, path):
    assert (await client.get(path)).text == "Not Found"  # as the service of this test says it


async def test_ready_only_when_every_service_is(client, reasons):
    assert (await client.get("/readyz")).json() == {"status": "ready"}

    reasons["metrics"] = {"database": "OSError"}
    answer = await client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unready", "services": {"metrics": {"database": "OSError"}}}
    assert (await client.get("/healthz")).status_code == 200


async def test_what_it_can_do_without_leaves_it_ready_enough(client, reasons):
    reasons["notifications"] = {"mail": "mail waits"}
    answer = await client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "degraded", "services": {"notifications": {"mail": "mail waits"}}}


async def test_the_page_links_every_service(client):
    page = (await client.get("/")).text

    for name in ("feedback", "metrics"):
        for path in ("docs", "openapi.json", "readyz"):
            assert f'href="/api/{name}/{path}"' in page
    assert 'lang="zh-CN"' in page
