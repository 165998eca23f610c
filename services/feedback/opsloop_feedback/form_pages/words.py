"""What the page of a form says, in English and in Chinese."""

from __future__ import annotations

Pair = tuple[str, str]

WORDS: dict[str, Pair] = {
    "body": ("What would you like to tell us?", "您想告诉我们什么？"),
    "title": ("In a few words", "简短概括"),
    "rating": ("How is it overall?", "总体评价"),
    "name": ("Your name", "您的称呼"),
    "email": ("Your e-mail address", "您的电子邮箱"),
    "email_hint": ("Only to answer you.", "仅用于回复您。"),
    "kind": ("What is it about?", "属于哪一类？"),
    "optional": ("(optional)", "（选填）"),
    "send": ("Send", "发送"),
    "choose": ("Please choose", "请选择"),
    "skip": ("Skip to the form", "跳到表单"),
    "trap": ("Leave this empty", "请留空"),
    "errors": ("Not sent yet. Nothing that you wrote is lost.", "尚未发送，您填写的内容都还在。"),
    "too_old": (
        "Not sent yet: this page was open for a long time. Everything is still here; please press Send again.",
        "尚未发送：页面打开的时间过长。内容都还在，请再点一次“发送”。",
    ),
    "too_many": (
        "Not sent yet: a lot was sent from your network just now. Everything is still here; please send it again in a minute.",
        "尚未发送：您所在的网络刚刚发送了很多内容。内容都还在，请一分钟后再发送。",
    ),
    "thanks": ("Thank you", "谢谢您"),
    "thanks_text": ("What you wrote has arrived, and people will read it.", "您的反馈已收到，我们会认真阅读。"),
    "reference": ("Your reference", "您的编号"),
    "see": ("See how far we are, and what we answer", "查看处理进展和我们的回复"),
    "another": ("Write something else", "再写一条"),
    "error": ("Not sent", "未发送"),
}
FLAWS: dict[str, Pair] = {
    "missing": ("Please fill this in.", "请填写此项。"),
    "unchosen": ("Please choose one of these.", "请选择其中一项。"),
    "unticked": ("Please tick this to go on.", "请勾选后再发送。"),
    "long": ("Please shorten this to {most} characters.", "请缩短到 {most} 个字以内。"),
    "unreadable": ("Please write something that can be read.", "请填写可以阅读的文字。"),
    "address": ("This is no complete address, such as name@example.com.", "邮箱地址不完整，例如 name@example.com。"),
}
RATINGS: dict[str, Pair] = {
    "1": ("very bad", "很差"),
    "2": ("bad", "较差"),
    "3": ("all right", "一般"),
    "4": ("good", "满意"),
    "5": ("very good", "非常满意"),
}
KINDS: dict[str, Pair] = {
    "bug": ("Something does not work", "功能异常"),
    "idea": ("An idea", "建议"),
    "question": ("A question", "咨询"),
    "complaint": ("A complaint", "投诉"),
    "praise": ("Praise", "表扬"),
    "other": ("Something else", "其他"),
}
