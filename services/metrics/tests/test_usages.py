"""smoke"""
import pytest
from services.metrics.tests.analyst import Analyst, did
async def test_smoke(world_with_store):
    w = world_with_store
    a = Analyst(w, "usage")
    await a.tell(did("u1","A","01"), did("u1","B","02",{"tags":["x","y"],"kind":"bug"}), did("u2","A","01"), did("u2","B","02"), did("u3","A","03"), did("u3","A","02-01"), did("u4","C","03"))
    print(await a.ask("01","03"))
    print(await a.ask("01","03", interval="hour", features=[{"event":"A"},{"event":"B"}], limit=3))
    print((await a.answer("01","03", interval="week", headers={"Accept":"text/csv"})).text)
    a.insight="churn"
    print(await a.ask("01","03", answers=[{"event":"B","field":"properties.tags"},{"event":"B","field":"properties.kind"},{"event":"B","field":"path"}], min_people=1))
    a.insight="next-best"
    print(await a.ask("01","03", min_people=1))
    print(await a.ask("01","03", min_people=1, item="A"))
    print(await a.ask("01","03", min_people=1, user_id="u3"))
    print(await a.ask("01","03", min_people=1, user_id="u9", expect=404))
