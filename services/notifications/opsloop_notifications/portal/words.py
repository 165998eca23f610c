"""What an endpoint's page says, in English and in Chinese."""

from __future__ import annotations

STATES = {
    "failed": ("✕", "Failed", "失败"),
    "pending": ("◷", "Waiting", "等待中"),
    "succeeded": ("✓", "Arrived", "已送达"),
    "cancelled": ("–", "Cancelled", "已取消"),
}
"""Of a delivery: a shape, and the words beside it."""
NOTICES = {
    "resent": ("It is on its way again.", "已重新发送。"),
    "no_longer_kept": (
        "Its event is no longer kept, so it cannot be sent again.",
        "该事件已超过保留期，无法重新发送。",
    ),
    "not_while_paused": ("Calls are paused: resume them first.", "调用已暂停，请先恢复。"),
    "under_way": ("What was missed is being delivered already.", "补发已在进行中。"),
    "recovering": (
        "What was missed comes again, oldest first, and slowly at first.",
        "将按事件先后补发，开始时较慢。",
    ),
    "changed_meanwhile": (
        "The endpoint was changed meanwhile, and no new secret was made. Look at it, and try again.",
        "端点已被更改，未生成新密钥。请查看后重试。",
    ),
    "paused": ("Calls are paused.", "调用已暂停。"),
    "resumed": ("Calls go on.", "调用已恢复。"),
    "owners_to_resume": (
        "The sender disabled this endpoint; only they can enable it.",
        "此端点由发送方停用，只能由发送方启用。",
    ),
}
"""After something was done; the name stands in the address."""
FAILURES = {
    "http_error": ("answered with an error", "返回了错误状态"),
    "redirect": ("answered with a redirect, which is not followed", "返回了重定向（不会跟随）"),
    "gone": ("answered 410: no more of this endpoint", "返回 410，端点已停用"),
    "aborted": ("asked not to be tried again", "要求不再重试"),
    "timeout": ("gave no answer in time", "未及时响应"),
    "dns": ("name not found", "域名无法解析"),
    "connection": ("no connection", "无法连接"),
    "tls": ("no secure connection", "无法建立安全连接"),
    "protocol": ("the answer was no HTTP", "响应不是有效的 HTTP"),
    "refused": ("refused the message", "拒绝了该消息"),
    "too_fast": ("got too many messages", "消息过于频繁"),
    "template_failed": ("could not be written by the template", "模板无法生成内容"),
    "blocked_target": ("this address may not be called", "不允许调用此地址"),
}
REASONS = {
    "manual": ("by the sender", "由发送方停用"),
    "paused": ("by you", "由您暂停"),
    "gone": ("as it answered 410", "因返回 410 停用"),
    "failing": ("as nothing arrived for five days", "因五天内全部失败而停用"),
    "asking": ("as it is being asked for its consent", "正在征求其同意"),
    "refused": ("as it did not consent", "因未获其同意而停用"),
}
"""Why an endpoint gets nothing."""
SPANS = {
    "PT1H": ("the last hour", "最近一小时"),
    "P1D": ("the last day", "最近一天"),
    "P7D": ("the last seven days", "最近七天"),
}
WORDS = {
    "all": ("All", "全部"),
    "answer": ("Answer", "响应"),
    "attempt": ("Attempt", "尝试"),
    "attempts": ("Attempts", "尝试记录"),
    "back": ("Back to the endpoint", "返回端点"),
    "cut": ("Only the beginning is shown.", "仅显示开头部分。"),
    "deliveries": ("Deliveries", "投递记录"),
    "disabled": ("Disabled", "已停用"),
    "duration": ("Duration", "耗时"),
    "empty": (
        "Nothing yet. What is sent to this endpoint will stand here.",
        "暂无内容。发送到此端点的事件将显示在这里。",
    ),
    "empty_state": ("Nothing in this state.", "没有处于此状态的投递。"),
    "enabled": ("Enabled", "已启用"),
    "endpoint": ("Webhook endpoint", "Webhook 端点"),
    "event": ("Event", "事件"),
    "failing": ("Failing", "持续失败"),
    "failing_since": ("Nothing has arrived since", "持续失败始于"),
    "format": ("Format", "格式"),
    "hears": ("Hears", "接收"),
    "headers": ("Headers as sent", "发送的请求头"),
    "filtered": ("of these, what a filter lets through", "并经过滤条件筛选"),
    "key_new": ("Your new public key", "您的新公钥"),
    "key_published": (
        "The public key that verifies v1a. It is published too, where receivers may fetch it; the old one stays there for a day.",
        "用于验证 v1a 签名的公钥。它同时公开发布，可供接收方获取；旧公钥在那里保留一天。",
    ),
    "newest": ("Newest", "最新"),
    "next_attempt": ("Next attempt", "下次尝试"),
    "no_answer": ("No answer", "无响应"),
    "no_attempts": ("Not tried yet.", "尚未尝试。"),
    "not_kept": ("The event is past its retention, and no longer shown.", "该事件已超过保留期，不再显示。"),
    "of_last": ("Of the newest {count} deliveries", "最近 {count} 次投递"),
    "older": ("Older", "更早"),
    "pause": ("Pause calls", "暂停调用"),
    "pause_effect": (
        "No more calls until you resume. What waits is cancelled; you can have it delivered again later.",
        "恢复之前不再调用。等待中的投递会被取消，之后可以补发。",
    ),
    "payload": ("Payload as sent", "发送的内容"),
    "payload_of_bot": ("What the message was written from", "消息所依据的内容"),
    "public_key": ("Public key", "公钥"),
    "recover": ("Deliver again what was missed", "补发错过的事件"),
    "recover_effect": (
        "What failed, was cancelled or never sent comes again in the order of the events.",
        "失败、已取消或从未发送的事件将按先后顺序补发。",
    ),
    "resend": ("Send again", "重新发送"),
    "resume": ("Resume calls", "恢复调用"),
    "rotate": ("Make a new secret", "更换签名密钥"),
    "rotate_effect": (
        "The new secret is shown once. For a day calls carry signatures of both, then the old one ends.",
        "新密钥只显示一次。一天内调用同时带有新旧两个签名，之后旧密钥失效。",
    ),
    "rotate_key": ("Make a new key", "更换签名密钥对"),
    "rotate_key_effect": (
        "A new key signs, and its public half is published. For a day calls carry signatures of both, then the old one ends.",
        "新密钥用于签名，其公钥会公开发布。一天内调用同时带有新旧两个签名，之后旧密钥失效。",
    ),
    "secret_keep": (
        "Copy it now: it is not shown again. The old one goes on signing for a day.",
        "请立即复制，之后不再显示。旧密钥在一天内仍然有效。",
    ),
    "secret_new": ("Your new secret", "您的新密钥"),
    "session_until": ("This page is open until", "此页面有效期至"),
    "signature": ("Signed by", "签名方式"),
    "since": ("Of", "时间范围"),
    "skip": ("Skip to the content", "跳到正文"),
    "state": ("State", "状态"),
    "status": ("Status", "状态码"),
    "time": ("Time", "时间"),
    "tried": ("Tries", "次数"),
    "what_you_can_do": ("What you can do", "可执行的操作"),
}
