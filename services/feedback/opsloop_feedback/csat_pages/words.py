"""Data: what the page of the question says, in English and in Chinese."""

from __future__ import annotations

Pair = tuple[str, str]

WORDS: dict[str, Pair] = {
    "question": ("Are you satisfied with how we resolved it?", "您对处理结果满意吗？"),
    "scale": ("Your score", "您的评分"),
    "about": ("Your message", "您的反馈"),
    "comment": ("What should we know?", "还有什么想告诉我们？"),
    "optional": ("(optional)", "（选填）"),
    "send": ("Send", "提交"),
    "again": ("Change it", "修改评价"),
    "thanks": ("Thank you", "谢谢您的评价"),
    "thanks_text": (
        "Your answer has arrived. You can change it for 24 hours.",
        "我们已收到您的评价，24 小时内可以修改。",
    ),
    "answered": ("You have answered already. Thank you.", "您已完成评价，谢谢。"),
    "score": ("Please choose one of the five.", "请从五项中选择一项。"),
    "long": ("Please say it in at most 2,000 characters.", "请控制在 2,000 字以内。"),
    "error": ("Not sent yet", "尚未提交"),
}
SCORES: tuple[Pair, ...] = (
    ("Very dissatisfied", "非常不满意"),
    ("Dissatisfied", "不满意"),
    ("Neither", "一般"),
    ("Satisfied", "满意"),
    ("Very satisfied", "非常满意"),
)
