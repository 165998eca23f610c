"""What values are called that come from closed lists: what an answer tells as `organic_search` people read in their language."""

from __future__ import annotations

from collections.abc import Mapping

_CHANNELS = {
    "direct": ("Direct", "直接访问"),
    "organic_search": ("Organic search", "自然搜索"),
    "paid_search": ("Paid search", "付费搜索"),
    "organic_social": ("Organic social", "自然社交"),
    "paid_social": ("Paid social", "付费社交"),
    "organic_video": ("Organic video", "自然视频"),
    "paid_video": ("Paid video", "付费视频"),
    "organic_shopping": ("Organic shopping", "自然购物"),
    "paid_shopping": ("Paid shopping", "付费购物"),
    "paid_other": ("Other paid", "其他付费"),
    "cross_network": ("Cross-network", "跨网络"),
    "display": ("Display", "展示广告"),
    "email": ("Email", "邮件"),
    "affiliates": ("Affiliates", "联盟"),
    "audio": ("Audio", "音频"),
    "sms": ("SMS", "短信"),
    "push": ("Push", "推送"),
    "ai_assistant": ("AI assistant", "智能助手"),
    "referral": ("Referral", "外链"),
    "unassigned": ("Unassigned", "未归类"),
}
_DEVICES = {
    "desktop": ("Desktop", "桌面"),
    "mobile": ("Mobile", "手机"),
    "tablet": ("Tablet", "平板"),
    "tv": ("TV", "电视"),
    "console": ("Console", "游戏机"),
    "bot": ("Bot", "机器人"),
}
_FEEDBACK = {
    "kind": {
        "bug": ("Bug", "缺陷"),
        "idea": ("Idea", "建议"),
        "question": ("Question", "疑问"),
        "complaint": ("Complaint", "投诉"),
        "praise": ("Praise", "表扬"),
        "other": ("Other", "其他"),
    },
    "severity": {
        "s1": ("S1, critical", "一级（致命）"),
        "s2": ("S2, major", "二级（严重）"),
        "s3": ("S3, minor", "三级（一般）"),
        "s4": ("S4, trivial", "四级（轻微）"),
    },
}
VALUES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "channel": _CHANNELS,
    "device": _DEVICES,
    **{f"feedback.{field}": names for field, names in _FEEDBACK.items()},
    "friction": {
        "rage": ("rage clicks {count}", "愤怒点击{count}"),
        "dead": ("dead clicks {count}", "无效点击{count}"),
        "errors": ("errors {count}", "出错{count}"),
        "poor_vitals": ("slow {count}", "性能差{count}"),
    },
    "rating": {
        "good": ("good", "良好"),
        "needs-improvement": ("needs improvement", "待改进"),
        "poor": ("poor", "差"),
    },
    "incident": {
        "info": ("Info", "提示"),
        "warning": ("Warning", "警告"),
        "critical": ("Critical", "严重"),
    },
    "goal": {
        "not_started": ("not started", "未开始"),
        "on_track": ("on track", "正常"),
        "at_risk": ("at risk", "有风险"),
        "off_track": ("off track", "偏离"),
        "achieved": ("achieved", "已达成"),
        "missed": ("missed", "未达成"),
    },
    "metric": {
        "lcp": ("Largest paint (LCP)", "最大内容绘制（LCP）"),
        "inp": ("Interaction (INP)", "交互延迟（INP）"),
        "cls": ("Layout shift (CLS)", "布局偏移（CLS）"),
        "fcp": ("First paint (FCP)", "首次内容绘制（FCP）"),
        "ttfb": ("First byte (TTFB)", "首字节（TTFB）"),
    },
}
"""By field (of another service's events with its name before it): the value, and its words in English and Chinese."""
