"""Scenario 1: receivers verify what we send with the libraries that are published, also while its keys are changed."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook, WebhookVerificationError
from svix.webhooks import Webhook as SvixWebhook

from opsloop_common.contracts.campaigns import CampaignPaused
from opsloop_common.testing.events import make_event
from opsloop_common.testing.prerequisites import end_without
from opsloop_notifications.sending.timers import dispatch_webhooks
from opsloop_notifications.signing.rules import BadSecret, read_keys, read_secret, sign, verify

VECTORS = Path(__file__).parents[3] / "shared" / "testdata" / "webhook_vectors.json"
PACKAGES = ("standardwebhooks@1.1.1", "svix@2.5.0")
NODE, NPM = shutil.which("node"), shutil.which("npm")
NAMES = ("plain", "暂停：支付失败", "émoji 🚀", 'line\nbreak \\ "quoted"', "\u2028 " + "长" * 2_000)
# calls come on standard input; what each library says of each goes out: of the call itself, and of one with a byte more
READER = """
const {Webhook} = require("standardwebhooks"), svix = require("svix")
const say = (Kind, secret, body, headers) => {
  try { new Kind(secret).verify(body, headers); return true } catch (error) { return error.name || error.message }
}
const {secret, calls} = JSON.parse(require("fs").readFileSync(0))
process.stdout.write(JSON.stringify(calls.map(([headers, packed]) => {
  const body = Buffer.from(packed, "base64").toString()
  return [Webhook, svix.Webhook].map(Kind => [say(Kind, secret, body, headers), say(Kind, secret, body + " ", headers)])
})))
"""


def lacks(reason: str) -> None:
    """Skip with the reason, or fail where everything has to be there."""
    end_without(reason)


def key_of(secret: str) -> bytes | Ed25519PublicKey:
    encoded = secret.removeprefix("whsec_").removeprefix("whpk_")
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return Ed25519PublicKey.from_public_bytes(key) if secret.startswith("whpk_") else key


def holds(vector: dict) -> bool:
    """Say whether we do as a vector has it."""
    body = base64.b64decode(vector["payload_b64"]) if "payload_b64" in vector else vector.get("payload", "").encode()
    match vector["kind"]:
        case "sign":
            secret = vector["secret"]
            keys = read_keys(secret) if secret.startswith("whsk_") else [key_of(secret)]
            return sign(keys, vector["msg_id"], vector["timestamp"], body) == vector["signature"]
        case "sign_multi":
            keys = [key for secret in vector["secrets_current_first"] for key in read_keys(secret)]
            return sign(keys, vector["msg_id"], vector["timestamp"], body) == vector["signature_header"]
        case "verify":
            return verify(key_of(vector["secret"]), vector["headers"], body, vector["now"]) is vector["valid"]
        case "secret":
            return takes(vector["secret"]) is vector["valid"]
    raise AssertionError(vector["kind"])


def takes(secret: str) -> bool:
    try:
        return bool(read_secret(secret))
    except BadSecret:
        return False


def test_1_every_vector_holds():
    if not VECTORS.exists():
        lacks(f"{VECTORS.name} is not beside this repository")
    vectors = json.loads(VECTORS.read_text())["vectors"]

    broken = [vector["id"] for vector in vectors if not holds(vector)]

    assert broken == []
    print(f"1 vectors: {len(vectors)}, {dict(Counter(vector['kind'] for vector in vectors))}, broken {len(broken)}")


@pytest.fixture
def calls_of(acme, hook, work, until):
    """Let so much happen to the endpoint, by the clock of everybody, and return the calls."""

    async def call(*happened):
        before = len(hook.calls)
        async with work(acme.service, dispatch_webhooks):
            await acme.happen(*(make_event(CampaignPaused(campaign_id=uuid4(), name=name)) for name in happened))
            await until(lambda: len(hook.calls) == before + len(happened), "the calls")
        return hook.calls[before:]

    # the libraries go by the time that it is
    acme.service.clock.set(datetime.now(UTC))
    return call


def is_verified(kind, secret, headers, body) -> bool:
    try:
        kind(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def test_1_libraries_from_pypi_verify_what_we_send(acme, calls_of):
    calls = await calls_of(*NAMES)

    for kind in (Webhook, SvixWebhook):
        for headers, body in calls:
            assert is_verified(kind, acme.hook["secret"], headers, body)
            assert not is_verified(kind, acme.hook["secret"], headers, body + b" ")
            assert not is_verified(kind, "whsec_" + base64.b64encode(os.urandom(24)).decode(), headers, body)
            assert not is_verified(kind, acme.hook["secret"], headers | {"webhook-id": str(uuid4())}, body)
    print(f"1 PyPI: {len(calls)} calls verified by standardwebhooks and svix, changed ones by none")


@pytest.fixture
def npm_folder(tmp_path: Path) -> Path:
    """A folder with the libraries from npm."""
    if NODE is None or NPM is None:
        lacks("no node, or no npm to fetch the libraries with")
    command = [NPM, "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        lacks(f"{PACKAGES} cannot be fetched: {(done.stdout + done.stderr)[-300:]}")
    return tmp_path


@pytest.mark.slow
async def test_1_libraries_from_npm_verify_what_we_send(npm_folder, acme, calls_of):
    calls = await calls_of(*NAMES)

    given = {"secret": acme.hook["secret"], "calls": [[dict(h), base64.b64encode(b).decode()] for h, b in calls]}
    done = await asyncio.to_thread(
        subprocess.run, [str(NODE), "-e", READER], cwd=npm_folder, input=json.dumps(given).encode(),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == [[[True, "WebhookVerificationError"]] * 2] * len(calls), done.stdout
    print(f"1 npm: {len(calls)} calls verified by {' and '.join(PACKAGES)}, changed ones by none")


async def test_1_while_a_pair_takes_over_both_verify_and_61_s_later_the_secret_does_not(acme, calls_of):
    old = acme.hook["secret"]
    path = f"/v1/webhooks/{acme.hook['id']}/rotate-secret"
    changed = await acme.post(path, 200, signature="v1a", grace="PT1M")
    new = key_of(changed["public_key"])
    verdicts = []
    for later in (0, 59, 2):
        acme.service.clock.advance(later)
        [(headers, body)] = await calls_of("x")
        libraries = {is_verified(kind, old, headers, body) for kind in (Webhook, SvixWebhook)}
        now = int(acme.service.clock.now().timestamp())
        verdicts.append((*libraries, verify(new, headers, body, now)))
        signature = next(one for one in headers["webhook-signature"].split(" ") if one.startswith("v1a,"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        new.verify(base64.b64decode(signature.removeprefix("v1a,")), signed)  # raises InvalidSignature

    assert verdicts == [(True, True), (True, True), (False, True)]
    print("1 rotation: at 0 and 59 s the secret and the pair verify, at 61 s the pair alone")
