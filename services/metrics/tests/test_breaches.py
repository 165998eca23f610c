"""Breaches through the door."""

HIGH = {"type": "threshold", "operator": "ge", "value": 10}


async def test_breaches_are_filtered(world):
    for key, severity in (("a", "info"), ("b", "critical")):
        await world.kpi(key=key)
        await world.monitor(HIGH, key=key, severity=severity)
        await world.report(11, key=key)
        await world.settle(2)
    await world.report(1, key="a")
    await world.settle(2)

    async def kpis(**filters):
        return [item["kpi"] for item in (await world.get("/v1/breaches", **filters))["items"]]

    assert await kpis() == ["b", "a"]
    assert await kpis(kpi="a") == ["a"]
    assert (await kpis(state="open"), await kpis(state="closed")) == (["b"], ["a"])
    assert await kpis(severity=["critical"]) == ["b"]
    assert await kpis(severity=["critical", "info"]) == ["b", "a"]
    opened_at = (await world.get("/v1/breaches"))["items"][0]["opened_at"]
    assert (await kpis(**{"from": opened_at}), await kpis(to=opened_at)) == (["b"], ["a"])
    assert (await world.send("GET", "/v1/breaches", params={"severity": "fatal"})).status_code == 422


async def test_whoever_is_told_can_tell_a_person_of_what(world):
    """Also of the end, when the KPI is gone."""
    await world.kpi(key="paid", name="付费率", unit="%")
    await world.monitor(HIGH, key="paid")
    await world.report(11, key="paid")
    await world.settle(2)
    assert (await world.send("DELETE", "/v1/kpis/paid")).status_code == 204

    told = [await world.told(kind) for kind in ("kpi.breached", "kpi.recovered")]

    assert [[(event.data["kpi_name"], event.data["unit"]) for event in events] for events in told] == [
        [("付费率", "%")]
    ] * 2
    assert [event.link for events in told for event in events] == [None, None]  # no public address in tests
