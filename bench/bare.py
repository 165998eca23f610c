"""The baseline of intake: a bare FastAPI route on an asyncpg pool. BEGIN, the same two INSERTs, COMMIT; nothing else.

No credential, no rate limit, no triage, no row-level security, no problem documents: what the framework and the database
cost by themselves. Run as a process: `python -m bench.bare <database url> <port>`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from opsloop_common.ids import uuid7
from tests.harness import connect_arguments

INSERT_FEEDBACK = (
    "INSERT INTO feedback (id, workspace, body, kind, severity, sentiment, triage, channel, source, author_user_id, "
    "author_verified, tags, attributes, occurred_at, created_at, updated_at, search_text, affected_users) "
    "VALUES ($1, 'bare', $2, 'other', 's3', 0, '{}', $3, 'bare', $4, true, '{}', '{}', $5, $5, $5, $2, 1)"
)
INSERT_EVENT = "INSERT INTO outbox (event_id, stream, seq, type, payload) VALUES ($1, $2, 1, 'feedback.received', $3)"


class Author(BaseModel):
    """Who said it."""

    user_id: str | None = None


class Post(BaseModel):
    """The same fields as the measured body has."""

    body: str
    channel: str = "api"
    author: Author = Author()


def create_app(url: str) -> FastAPI:
    """Return the bare application."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = await asyncpg.create_pool(**connect_arguments(url), min_size=10, max_size=10)
        yield
        await app.state.pool.close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/feedback", status_code=201)
    async def submit(post: Post) -> dict[str, str]:
        id, now = uuid7(), datetime.now(UTC)
        event = json.dumps(
            {"id": str(uuid7()), "type": "feedback.received", "data": {"feedback_id": str(id), "body": post.body}}
        )
        async with app.state.pool.acquire() as connection, connection.transaction():
            await connection.execute(INSERT_FEEDBACK, id, post.body, post.channel, post.author.user_id, now)
            await connection.execute(INSERT_EVENT, uuid7(), f"feedback/{id}", event)
        return {"id": str(id), "created_at": now.isoformat()}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
