"""The contract as it is published: complete, and what the routes really do."""

import jsonschema_rs
import pytest

from opsloop_common.testing.sample.service import SAMPLE


@pytest.fixture
async def sample(api):
    return await api(SAMPLE)


def resolve(document, value):
    while "$ref" in value:
        found = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


async def test_every_operation_says_who_may_and_what_can_go_wrong(sample):
    document = (await sample.client.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            answers = operation["responses"]
            assert operation["operationId"].isidentifier(), where
            assert operation["description"], where
            if operation["security"]:
                assert {"401", "403", "422", "429", "503"} <= answers.keys(), where
            if "requestBody" in operation:
                assert {"400", "413", "415", "422"} <= answers.keys(), where
            if "{" in path:
                assert "404" in answers, where
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            if "If-Match" in names:
                assert "412" in answers, where
            if method == "post":
                assert "409" in answers, where
                assert "Idempotency-Key" in names, where
            for status, answer in answers.items():
                described = resolve(document, answer)
                assert "X-Request-Id" in described["headers"], where
                if status[0] in "45":
                    assert list(described["content"]) == ["application/problem+json"], where
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert not any(name.endswith(("-Input", "-Output")) for name in document["components"]["schemas"])


async def test_every_route_holds_its_doors(sample):
    document = (await sample.client.get("/openapi.json")).json()
    no_scope = await sample.key("sample:read")
    missing = "01980000-0000-7000-8000-000000000000"

    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            url = "/".join(missing if step.startswith("{") else step for step in path.split("/"))
            if not operation["security"]:
                continue
            assert (await sample.client.request(method, url)).status_code == 401, path
            if "sample:read" not in operation["x-scopes"]:
                assert (await sample.client.request(method, url, headers=no_scope)).status_code == 403, path


async def test_problem_documents_are_what_the_contract_says(sample):
    document = (await sample.client.get("/openapi.json")).json()
    schema = document["components"]["schemas"]["Problem"] | {"components": document["components"]}
    validator = jsonschema_rs.validator_for(schema)
    key = await sample.key()

    for answer in (
        await sample.client.get("/v1/notes"),
        await sample.client.post("/v1/notes", json={"text": 1, "nope": 2}, headers=key),
        await sample.client.get("/v1/notes/x", headers=key),
    ):
        assert answer.status_code >= 400
        validator.validate(answer.json())
