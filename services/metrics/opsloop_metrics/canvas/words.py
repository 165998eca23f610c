"""What charts say, in Chinese and English: words, numbers, days, lengths of time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime, format_skeleton, format_timedelta
from babel.numbers import format_compact_decimal, format_decimal, format_percent

from opsloop_common.numbers import for_people
from opsloop_metrics.canvas.values import VALUES

Language = Literal["en", "zh"]
_LOCALES = {"en": Locale("en"), "zh": Locale("zh")}
_WORDS: dict[str, tuple[str, str]] = {
    "trends": ("Trend", "趋势"),
    "active-users": ("Active people", "活跃用户"),
    "funnel": ("Funnel", "漏斗"),
    "retention": ("Retention", "留存"),
    "lifecycle": ("Lifecycle", "生命周期"),
    "stickiness": ("Stickiness", "黏性"),
    "paths": ("Paths", "路径"),
    "sessions": ("Sessions", "会话"),
    "experience": ("Friction", "体验摩擦"),
    "attribution": ("Attribution", "归因"),
    "breakdown": ("Breakdown", "细分"),
    "usage": ("Use of features", "功能使用"),
    "churn": ("Reasons for leaving", "流失原因"),
    "next-best": ("What goes together", "关联推荐"),
    "revenue": ("Revenue", "收入"),
    "net": ("Net", "净收入"),
    "refunds": ("Refunds", "退款"),
    "buyers": ("{count} buyers", "{count}位付费用户"),
    "arppu": ("{amount} per buyer", "人均付费{amount}"),
    "new": ("New", "新增"),
    "returning": ("Returning", "持续活跃"),
    "resurrecting": ("Resurrecting", "回流"),
    "dormant": ("Dormant", "沉默"),
    "dau": ("Daily", "日活"),
    "wau": ("Weekly", "周活"),
    "mau": ("Monthly", "月活"),
    "people": ("People", "人数"),
    "sessions_series": ("Sessions", "会话数"),
    "other": ("Other", "其他"),
    "none": ("(none)", "（无）"),
    "any": ("Any event", "任意事件"),
    "nothing": ("No data in this time", "此时段没有数据"),
    "empty": ("There is nothing to draw.", "没有可绘制的数据。"),
    "average": ("Average", "平均"),
    "size": ("People", "人数"),
    "incomplete": ("dotted: not over yet", "虚点：尚未结束"),
    "pale": ("pale: not over yet", "浅色：尚未结束"),
    "outlined": ("outlined: not over yet", "虚框：尚未结束"),
    "compared": ("dashed: the time before", "虚线：上一时段"),
    "range": ("{start} – {end}", "{start}至{end}"),
    "series": (
        "{name}: first {first}, last {last}, peak {peak} ({when}).",
        "{name}：首值{first}，末值{last}，峰值{peak}（{when}）。",
    ),
    "series_low": (
        "{name}: first {first}, last {last}, lowest {peak} ({when}).",
        "{name}：首值{first}，末值{last}，最低{peak}（{when}）。",
    ),
    "series_total": ("{name}: in all {total}.", "{name}：合计{total}。"),
    "more": ("{count} more are in the numbers.", "另有{count}项见数据。"),
    "noted": ("{when}: {text}.", "{when}：{text}。"),
    "step": ("{name}: {count}, {share} of the first step.", "{name}：{count}，为第一步的{share}。"),
    "dropped": ("{count} left ({share})", "流失{count}（{share}）"),
    "median": ("median {time}", "中位用时{time}"),
    "in_progress": ("{count} still may", "{count}仍在途中"),
    "converted": ("{share} came through", "整体转化{share}"),
    "to_convert": ("median {median}, average {average}", "用时中位{median}，平均{average}"),
    "cohorts": ("{count} cohorts", "{count}个同期群"),
    "cohort": ("{name}: {size} people; {values}.", "{name}：{size}人；{values}。"),
    "so_far": ("{value} so far", "至今{value}"),
    "told_total": ("total {value}", "合计{value}"),
    "told_last": ("last {value}", "最近{value}"),
    "told_so_far": ("so far {value}", "至今{value}"),
    "active_in": ("Active in so many of {count} intervals", "在{count}个时段中活跃的时段数"),
    "on_days": ("{count} people in {days}.", "{days}个时段：{count}人。"),
    "edge": ("{source} to {target}: {count}.", "{source}至{target}：{count}。"),
    "went": (
        "{sessions} sessions, of which {single} left at once ({share})",
        "{sessions}次会话，其中{single}次立即离去（{share}）",
    ),
    "no_ways": ("Everybody left after the first step.", "所有会话都止于第一步。"),
    "stick": ("daily of monthly {share}", "日活占月活{share}"),
    "length": ("average length {time}", "平均时长{time}"),
    "bounced": ("bounce rate {share}", "跳出率{share}"),
    "friction": (
        "Filled: met trouble on the page; pale: were there; {people} people in all",
        "实色：在该页遇到问题的人；浅色：到过该页的人；共{people}人",
    ),
    "troubled": (
        "{page}: {count} of {people} met trouble there, {share} of everybody.",
        "{page}：{people}人中{count}人遇到问题，占所有人的{share}。",
    ),
    "credited": ("{count} conversions, credited in equal parts", "{count}次转化，功劳均分"),
    "seen": ("{people} people, {events} events", "{people}人，{events}个事件"),
    "active_people": ("{count} active people", "{count}名活跃用户"),
    "used": ("{count} people, {share}", "{count}人，{share}"),
    "left": ("Left", "流失"),
    "stayed": ("Stayed", "留下"),
    "churned": (
        "{share} left: {left} of them, {stayed} stayed, {undecided} undecided",
        "流失{share}：{left}人流失，{stayed}人留下，{undecided}人未定",
    ),
    "apart": ("{share} of those who left, {other} of those who stayed", "流失者{share}，留下者{other}"),
    "compared_items": ("{count} items compared", "比较了{count}项"),
    "both": ("{count} people have both", "{count}人两者都用"),
    "answer_kind": ("Kind", "类型"),
    "answer_severity": ("Severity", "严重程度"),
    "answer_area": ("Area", "领域"),
    "answer_tags": ("Tag", "标签"),
    "vital": ("{metric}: {value}, {rating}.", "{metric}：{value}，{rating}。"),
    "milliseconds": ("{count} ms", "{count}毫秒"),
    "sentence": ("{said}.", "{said}。"),
    "ranked": ("{name}: {said}.", "{name}：{said}。"),
    "step_no": ("Step {number}", "第{number}步"),
    "value": ("Value", "数值"),
    "target": ("Target", "目标"),
    "expected": ("pale: as expected", "浅色带：预期范围"),
    "incidents": ("shaded: {count} incidents", "底色：{count}起告警"),
    "incident": ("{severity} incident, {start} to {end}", "告警（{severity}），{start}至{end}"),
    "incident_open": ("{severity} incident since {start}", "告警（{severity}），自{start}起"),
    "objective": ("Objective", "目标"),
    "all_together": ("The objective: mean by weight", "整个目标：加权平均"),
    "progress": ("progress {share}", "进度{share}"),
    "pace": ("mark: time passed {share}", "竖线：时间已过{share}"),
    "way": ("now {value}, from {start} to {target}", "现为{value}，从{start}到{target}"),
}


_SINGULAR = {"people": "person", "people have": "person has"} | {
    f"{one}s": one
    for one in ("event", "session", "page", "buyer", "cohort", "conversion", "item", "interval", "incident")
}
_ONE = re.compile(rf"(?<![\d.,])1 ((?:active )?)({'|'.join(sorted(_SINGULAR, key=len, reverse=True))})\b")


def language_of(locale: str) -> Language:
    """Return which of the two languages a BCP 47 tag asks for: Chinese where it says so, else English."""
    return "zh" if locale.lower().split("-")[0] == "zh" else "en"


@dataclass(frozen=True)
class Speech:
    """How a chart speaks."""

    language: Language
    zone: ZoneInfo

    def say(self, word: str, **parts: str) -> str:
        """Return a word or sentence, `parts` in their places as they are."""
        said = _WORDS[word][self.language == "zh"].format(**parts)
        return said if self.language == "zh" else _ONE.sub(lambda found: f"1 {found[1]}{_SINGULAR[found[2]]}", said)

    def value(self, value: str, field: str | None = None) -> str:
        """Return what to call a value of a field: those of closed lists and what is no value in words, all others as they are."""
        words = {"$other": "other", "$none": "none", "": "none"}
        if value in words:
            return self.say(words[value])
        named = VALUES.get(field or "", {}).get(value)
        return value if named is None else named[self.language == "zh"]

    def number(self, value: float | None) -> str:
        """Return a number in full, a dash for none."""
        return "–" if value is None else for_people(value, self.language)

    def short(self, value: float) -> str:
        """Return a number as axes have it: 12K, 1.2万."""
        if not 10_000 <= abs(value) < 1e15:
            return for_people(value, self.language)
        return format_compact_decimal(value, locale=_LOCALES[self.language], fraction_digits=1)

    def money(self, value: float, digits: int) -> str:
        """Return an amount in full, with the digits of its currency behind the point: 84.50."""
        pattern = "#,##0" + ("." + "0" * digits if digits else "")
        return format_decimal(value, pattern, locale=_LOCALES[self.language])

    def share(self, value: float | None) -> str:
        """Return a part of one in percent."""
        if value is None:
            return "–"
        return format_percent(value, format="#,##0.#%", locale=_LOCALES[self.language])

    def time(self, seconds: float | None) -> str:
        """Return a length of time: 3 min, 2 days."""
        if seconds is None:
            return "–"
        return format_timedelta(timedelta(seconds=round(seconds)), format="short", locale=_LOCALES[self.language])

    def days(self, starts: Sequence[datetime]) -> list[str]:
        """Return what to call intervals by their starts: by hour, day or month, with years where there are several."""
        skeleton = self._skeleton(starts)
        return [self._at(start, skeleton) for start in starts]

    def range(self, starts: Sequence[datetime]) -> str:
        """Return the first and last interval, with their years."""
        skeleton = {"MMMdHm": "yMMMdHm", "MMMd": "yMMMd"}.get(self._skeleton(starts), self._skeleton(starts))
        first, last = self._at(starts[0], skeleton), self._at(starts[-1], skeleton)
        return first if first == last else self.say("range", start=first, end=last)

    def span(self, start: datetime, end: datetime, *, by_hour: bool = False) -> str:
        """Return the days from a time to before another, with their years; `by_hour` the two times."""
        skeleton = "yMMMdHm" if by_hour else "yMMMd"
        first, last = self._at(start, skeleton), self._at(end if by_hour else end - timedelta(microseconds=1), skeleton)
        return first if first == last else self.say("range", start=first, end=last)

    def at(self, moment: datetime) -> str:
        """Return a day with its year."""
        return self._at(moment, "yMMMd")

    def moment(self, moment: datetime) -> str:
        """Return a time of a day, without its year."""
        return self._at(moment, "MMMdHm")

    def _at(self, moment: datetime, skeleton: str) -> str:
        local = moment.astimezone(self.zone).replace(tzinfo=None)  # else babel would turn it to UTC
        if skeleton.endswith("Hm"):
            pattern = "y年M月d日 HH:mm" if self.language == "zh" else "MMM d, y, HH:mm"
            short = "M月d日 HH:mm" if self.language == "zh" else "MMM d, HH:mm"
            return format_datetime(local, pattern if "y" in skeleton else short, locale=_LOCALES[self.language])
        return format_skeleton(skeleton, local, locale=_LOCALES[self.language])

    def _skeleton(self, starts: Sequence[datetime]) -> str:
        first, last = (each.astimezone(self.zone).year for each in (starts[0], starts[-1]))
        years = "y" if first != last else ""
        gaps = [after - before for before, after in pairwise(starts)]
        if gaps and max(gaps) < timedelta(hours=20):
            return f"{years}MMMdHm"
        if gaps and min(gaps) > timedelta(days=27):
            return "yMMM"
        return f"{years}MMMd"
