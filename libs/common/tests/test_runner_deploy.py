"""The files for running OpsLoop as many processes say what the code understands. No container is started here."""

import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest
import yaml
from dotenv import dotenv_values

from opsloop_common.bus.kafka.topics import (
    INTERNAL_RETENTION_MS,
    LOG_MESSAGE_BYTES,
    PARTITIONS,
    RETENTION_MS,
    topic_configs,
)
from opsloop_common.bus.topics import LOGS, PRODUCERS, logs_from, topics_from
from opsloop_common.limits import CAPTURE_BYTES
from opsloop_common.runner.serve import STUCK_EVENTS_SECONDS

ROOT = Path(__file__).parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
K8S = {path.stem: list(yaml.safe_load_all(path.read_text())) for path in sorted((ROOT / "deploy/k8s").glob("*.yaml"))}
LONGEST_GRACE_SECONDS = 45  # 5 s for the load balancers, 20 s to drain, 5 s to close, and air


def known_settings(service):
    module = import_module(f"opsloop_{service}.settings")
    fields = getattr(module, f"{service.capitalize()}Settings").model_fields
    database = f"{service.upper()}_DATABASE"
    return {f"OPSLOOP_{name.upper()}" for name in fields} | {f"{database}_URL", f"{database}_DIRECT_URL"}


def pods(service):
    for document in K8S[service]:
        if document["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield document["kind"], document["spec"]["template"]["spec"]


def test_the_compose_file_follows_its_specification():
    schema = json.loads((ROOT / "deploy/compose/compose-spec.schema.json").read_text())

    jsonschema.validate(COMPOSE, schema)

    assert set(COMPOSE["services"]) == {"postgres", "kafka", "clickhouse", "mailpit", "gateway"} | {
        f"{service}-{part}" for service in PRODUCERS for part in ("migrate", "api", "worker")
    }


@pytest.mark.parametrize("service", PRODUCERS)
def test_every_setting_is_one_that_the_service_reads(service):
    named = set()
    for part in ("migrate", "api", "worker"):
        named |= set(COMPOSE["services"][f"{service}-{part}"]["environment"])
    config, shared, *own = (document for document in K8S["config"] if document["kind"] in {"ConfigMap", "Secret"})
    named |= set(config["data"]) | set(shared["stringData"])
    named |= next(set(s["stringData"]) for s in own if s["metadata"]["name"] == f"opsloop-{service}")
    for _, pod in pods(service):
        named |= {variable["name"] for variable in pod["containers"][0].get("env", [])}

    assert {name for name in named if not name.startswith("OTEL_")} <= known_settings(service)
    assert {"OPSLOOP_SECRET_KEY", "OPSLOOP_BUS", f"{service.upper()}_DATABASE_URL"} <= named


@pytest.mark.parametrize("service", PRODUCERS)
def test_compose_hands_on_every_setting_that_env_may_say(service):
    of_the_image = {"OPSLOOP_HOST", "OPSLOOP_PORT", "OPSLOOP_EVENTS_PATH", f"{service.upper()}_DATABASE_DIRECT_URL"}
    of_notifications = {"OPSLOOP_SMTP_URL"}  # which all read and only notifications use
    expected = known_settings(service) - of_the_image - (of_notifications if service != "notifications" else set())

    assert expected <= set(COMPOSE["services"][f"{service}-worker"]["environment"])
    assert expected - {"OPSLOOP_INSTANCE"} <= set(COMPOSE["services"][f"{service}-api"]["environment"])


SECRETS = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))


def test_every_secret_of_compose_is_in_the_example():
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / "deploy/compose/env.example").read_text(), re.MULTILINE))

    assert example == SECRETS


def made_env(root, before=None):
    """Run make-env.sh in a copy of what it needs; return what compose would read from the `.env`."""
    shutil.copytree(ROOT / "deploy/compose", root / "deploy/compose", dirs_exist_ok=True)
    env = root / ".env"
    if before is not None:
        env.write_text(before)
    command = root / "deploy/compose/make-env.sh"
    subprocess.run([command], cwd="/", check=True, capture_output=True, timeout=60)
    return {name: value or "" for name, value in dotenv_values(env, interpolate=False).items()}


def test_the_script_makes_every_secret_that_compose_asks_for(tmp_path):
    made = made_env(tmp_path)

    assert made.keys() == SECRETS
    assert len(set(made.values())) == len(SECRETS)
    # fit for a URL as they are, and for what the settings ask
    assert [name for name, value in made.items() if not re.fullmatch(r"[0-9a-f]{64}", value)] == []
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600


def test_run_again_it_changes_nothing(tmp_path):
    first = made_env(tmp_path)

    assert made_env(tmp_path) == first


@pytest.mark.parametrize(
    "line",
    [
        "OPSLOOP_SECRET_KEY=kept-0123456789",
        "export OPSLOOP_SECRET_KEY=kept-0123456789",
        "OPSLOOP_SECRET_KEY = 'kept-0123456789'",
        '  OPSLOOP_SECRET_KEY="kept-0123456789"  # a word',
        "# OPSLOOP_SECRET_KEY=another\nOPSLOOP_SECRET_KEY=kept-0123456789",
    ],
)
def test_what_env_says_already_stays(tmp_path, line):
    made = made_env(tmp_path, f"OPSLOOP_MAIL_FROM=OpsLoop <desk@example.com>\n{line}")

    assert made.pop("OPSLOOP_MAIL_FROM") == "OpsLoop <desk@example.com>"
    assert (made["OPSLOOP_SECRET_KEY"], made.keys()) == ("kept-0123456789", SECRETS)


@pytest.mark.parametrize(
    "line",
    [
        "OPSLOOP_SECRET_KEY=",
        'OPSLOOP_SECRET_KEY=""',
        "OPSLOOP_SECRET_KEY= # to be filled in",
        "#OPSLOOP_SECRET_KEY=no",
        "OPSLOOP_SECRET_KEY_OLD=x",
        "MY_OPSLOOP_SECRET_KEY=x\n",
        "X=y",
    ],
)
def test_what_env_leaves_empty_is_made(tmp_path, line):
    made = made_env(tmp_path, line)

    assert re.fullmatch(r"[0-9a-f]{64}", made["OPSLOOP_SECRET_KEY"])
    assert made.keys() >= SECRETS


@pytest.mark.parametrize("service", PRODUCERS)
def test_kubernetes_probes_drains_and_names_each_role(service):
    roles = dict(pods(service))

    assert [roles[kind]["containers"][0]["args"] for kind in ("Job", "Deployment", "StatefulSet")] == [
        ["migrate"],
        ["serve", "--role", "api"],
        ["serve", "--role", "worker"],
    ]
    for kind in ("Deployment", "StatefulSet"):
        (container,) = roles[kind]["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert roles[kind]["terminationGracePeriodSeconds"] == LONGEST_GRACE_SECONDS
        assert container["env"][0]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    for pod in roles.values():
        assert pod["securityContext"]["runAsNonRoot"] is True


def test_the_gateways_know_every_service():
    nginx = (ROOT / "deploy/compose/gateway/nginx.conf").read_text()
    (ingress,) = K8S["gateway"]
    backends = {p["backend"]["service"]["name"] for p in ingress["spec"]["rules"][0]["http"]["paths"]}
    k8s_services = {d["metadata"]["name"] for s in PRODUCERS for d in K8S[s] if d["kind"] == "Service"}

    assert nginx.count("|".join(PRODUCERS)) == 2
    assert "proxy_pass $upstream$asked;" in nginx, "as it was sent: %2F in an id is no slash"
    assert f"client_max_body_size {CAPTURE_BYTES // 2**20 + 1}m;" in nginx
    assert (
        ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
        == f"{CAPTURE_BYTES // 2**20 + 1}m"
    )
    assert backends == {f"{service}-api" for service in PRODUCERS} <= k8s_services


def test_what_the_page_says_of_readiness_without_a_bus_is_what_is_done():
    page = (ROOT / "docs/distributed.md").read_text()

    assert f"waited in the outbox for more than {STUCK_EVENTS_SECONDS:g} s" in " ".join(page.split())


def test_the_topics_are_those_that_migrate_makes():
    topics = yaml.safe_load((ROOT / "deploy/kafka/topics.yaml").read_text())["topics"]

    assert topics == [
        {
            "name": name,
            "partitions": PARTITIONS,
            "replication": 3,
            "configs": topic_configs(3, retention_ms=INTERNAL_RETENTION_MS if "internal" in name else RETENTION_MS),
        }
        for name in topics_from(PRODUCERS)
    ] + [
        {
            "name": name,
            "partitions": PARTITIONS,
            "replication": 3,
            "configs": topic_configs(3, message_bytes=LOG_MESSAGE_BYTES),
        }
        for name in logs_from(LOGS)
    ]
