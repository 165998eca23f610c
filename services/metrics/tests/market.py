"""A market of competitors, in a world of metrics."""

PATH = "/v1/competitors"
URL_SOURCE = {"type": "url", "format": "json", "pointer": "/price"}


def pointers(answer):
    """Return where the faults of a refused request are."""
    return [error["pointer"] for error in answer.json().get("errors", [])]


class Market:
    """Follows competitors and says what was seen of them."""

    def __init__(self, world):
        self.world = world

    async def competitor(self, **fields):
        return f"{PATH}/{(await self.world.post(PATH, {'name': 'A rival'} | fields))['id']}"

    async def series(self, competitor=None, **fields):
        competitor = competitor or await self.competitor()
        made = await self.world.post(f"{competitor}/series", {"key": "price", "name": "Price"} | fields)
        return f"{competitor}/series/{made['key']}"

    async def say(self, series, *points):
        """Post (at, value) each; returns how many are new and how many were corrected."""
        body = {"points": [{"at": at, "value": value} for at, value in points]}
        taken = await self.world.post(f"{series}/points", body)
        return taken["created"], taken["corrected"]

    async def send_table(self, series, text, **query):
        headers = self.world.headers | {"content-type": "text/csv"}
        return await self.world.send("POST", f"{series}/points/import", content=text, params=query, headers=headers)

    async def points(self, series, **query):
        return [(each["at"], each["value"]) for each in (await self.world.get(f"{series}/points", **query))["items"]]

    async def changes(self):
        return [event.data for event in await self.world.told("competitor.changed")]
