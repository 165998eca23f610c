"""Data: what each type of event says to people, in English and Chinese. Names in braces are values as `words` shows them."""

from __future__ import annotations

SENTENCES: dict[str, tuple[str, str]] = {
    "feedback.received": ("New {kind} #{number}, {severity}, by {channel}", "新{kind} #{number}，{severity}，来自{channel}"),
    "feedback.classified": ("#{number} is sorted as {kind}, {severity}", "#{number} 归类为{kind}，{severity}"),
    "feedback.assigned": ("#{number} is assigned to {assignee}", "#{number} 已指派给{assignee}"),
    "feedback.replied": ("#{number} was answered", "#{number} 已回复"),
    "feedback.resolved": ("#{number} is resolved", "#{number} 已解决"),
    "feedback.reopened": ("#{number} is open again", "#{number} 已重新打开"),
    "feedback.rated": ("#{number} was rated {score} of 5", "#{number} 的处理获评 {score} 分（满分 5 分）"),
    "feedback.merged": (
        "#{number} was merged into #{into_number}; affected users: {affected_users}",
        "#{number} 已合并到 #{into_number}，受影响用户 {affected_users} 人",
    ),
    "feedback.unmerged": ("#{number} stands for itself again, apart from #{from_number}", "#{number} 已从 #{from_number} 中拆出"),
    "feedback.sla_approaching": (
        "#{number}: {target} ({policy}) is due at {due_at}",
        "#{number} 的{target}（{policy}）将于 {due_at} 到期",
    ),
    "feedback.sla_breached": (
        "#{number}: {target} ({policy}) was due at {due_at} and did not come",
        "#{number} 的{target}（{policy}）已超时，期限为 {due_at}",
    ),
    "feedback.escalated": (
        "#{number} has no answer yet and goes on to {assignee}",
        "#{number} 尚未答复，已转交给{assignee}",
    ),
    "user.identified": ("A user was identified", "识别出一位用户"),
    "user.erased": ("A user's data was erased", "一位用户的数据已删除"),
    "workspace.changed": ("Settings of the workspace changed: {changed}", "工作区设置已更改：{changed}"),
    "kpi.breached": ("{kpi} is in alarm: {value}{against}", "{kpi} 告警：{value}{against}"),
    "kpi.recovered": ("{kpi} is out of alarm: {value}", "{kpi} 告警解除：{value}"),
    "kpi.anomaly_detected": ("{kpi} is unusual: {words}", "{kpi} 异常：{words}"),
    "kpi.no_data": ("{kpi} has no data, last seen {last_seen_at}", "{kpi} 没有数据，最后一次为 {last_seen_at}"),
    "kpi.target_reached": ("{kpi} reached its target: {value}, target {target}", "{kpi} 达成目标：{value}，目标 {target}"),
    "segment.entered": ("{people} came into the segment {name}", "{people}进入分群 {name}"),
    "segment.left": ("{people} left the segment {name}", "{people}离开分群 {name}"),
    "goal.at_risk": (
        "Objective {title} is {state}: {progress} of the way, {pace} of the time",
        "目标 {title} {state}：进度 {progress}，时间已过 {pace}",
    ),
    "competitor.changed": ("{competitor}, {series}: {value}, before {previous}", "{competitor} {series}：{value}，此前 {previous}"),
    "campaign.approval_requested": ("Campaign {name} waits for approval", "活动 {name} 等待审批"),
    "campaign.approved": ("Campaign {name} is approved", "活动 {name} 已批准"),
    "campaign.launched": ("Campaign {name} runs, audience {audience_size}", "活动 {name} 已开始，受众 {audience_size} 人"),
    "campaign.paused": ("Campaign {name} is paused", "活动 {name} 已暂停"),
    "campaign.finished": ("Campaign {name} is finished: {sent} sent, {failed} failed", "活动 {name} 已结束：发送 {sent}，失败 {failed}"),
    "campaign.cancelled": ("Campaign {name} is cancelled", "活动 {name} 已取消"),
    "notification.sent": ("A message to a person was sent", "一条个人消息已发送"),
    "notification.failed": ("A message to a person failed: {reason}", "一条个人消息发送失败：{reason}"),
    "recipient.suppressed": ("A person's address gets nothing more: {reason}", "一位收件人的地址不再接收消息：{reason}"),
    "recipient.unsubscribed": ("A person unsubscribed from {topic}", "一位收件人退订了 {topic}"),
    "webhook.disabled": ("The endpoint at {host} is disabled: {reason}", "位于 {host} 的端点已停用：{reason}"),
    "webhook.failing": (
        "The endpoint at {host} fails: {failure}, failures in a row {failures}",
        "位于 {host} 的端点连续失败 {failures} 次：{failure}",
    ),
    "webhook.exhausted": (
        "Deliveries to {host} were given up: {deliveries}, {failure}",
        "发往 {host} 的 {deliveries} 次投递已放弃：{failure}",
    ),
    "webhook.test": ("A test of this endpoint", "这是对该端点的测试"),
    "alert.triggered": ("Alert {alertname} fires", "告警 {alertname} 触发"),
    "alert.acknowledged": ("Alert {alertname} is seen to", "告警 {alertname} 已确认"),
    "alert.escalated": ("Alert {alertname} is escalated, step {step}", "告警 {alertname} 已升级，第 {step} 步"),
    "alert.resolved": ("Alert {alertname} is over: {reason}", "告警 {alertname} 已恢复：{reason}"),
}  # fmt: skip
OTHER = ("{type}: {subject}", "{type}：{subject}")
VALUES: dict[str, tuple[str, str]] = {
    "bug": ("bug", "缺陷"),
    "idea": ("idea", "建议"),
    "question": ("question", "咨询"),
    "complaint": ("complaint", "投诉"),
    "praise": ("praise", "表扬"),
    "other": ("post", "反馈"),
    "form": ("form", "表单"),
    "widget": ("widget", "小组件"),
    "api": ("API", "接口"),
    "email": ("mail", "邮件"),
    "phone": ("phone", "电话"),
    "interview": ("interview", "访谈"),
    "social": ("social media", "社交媒体"),
    "community": ("community", "社区"),
    "survey": ("survey", "问卷"),
    "store_review": ("store review", "商店评价"),
    "critical": ("critical", "严重"),
    "warning": ("warning", "警告"),
    "info": ("information", "提示"),
    "at_risk": ("at risk", "有风险"),
    "off_track": ("off track", "已偏离"),
    "recovered": ("it recovered", "已恢复"),
    "expired": ("not heard of for too long", "长时间没有消息"),
    "by_hand": ("ended by hand", "手动结束"),
    "gone": ("it answered that it is gone", "端点回应已不存在"),
    "failing": ("nothing succeeded for days", "多日没有成功"),
    "no_address": ("no address", "没有地址"),
    "undeliverable": ("not deliverable", "无法送达"),
    "rejected": ("rejected", "被拒收"),
    "channel_not_configured": ("no channel for it", "未配置该渠道"),
    "smtp_not_configured": ("no mail server", "未配置邮件服务器"),
    "suppressed": ("the address gets nothing more", "该地址已停止接收"),
    "not_confirmed": ("the address is not confirmed", "地址尚未确认"),
    "unsubscribed": ("the person unsubscribed", "收件人已退订"),
    "throttled": ("too many of this topic", "该主题的消息过多"),
    "hard_bounce": ("mail is returned", "邮件被退回"),
    "soft_bounce": ("mail is not accepted time and again", "邮件多次未被接收"),
    "unsubscribe": ("the person's wish", "收件人要求"),
    "manual": ("set by hand", "手动设置"),
    "first_reply": ("the first reply", "首次回复"),
    "next_reply": ("the next reply", "后续回复"),
    "resolution": ("the resolution", "解决"),
    "playbook_approval": ("its playbook asks for it", "预案要求审批"),
    "cause_budget": ("too many for one cause", "同一起因的活动过多"),
    "playbook_budget": ("too many of its playbook", "该预案的活动过多"),
    "workspace_budget": ("too many of the workspace", "工作区的活动过多"),
}
LABELS: dict[str, tuple[str, str]] = {
    "severity": ("Severity", "级别"),
    "area": ("Area", "模块"),
    "rating": ("Rating", "评分"),
    "tags": ("Tags", "标签"),
    "team": ("Team", "团队"),
    "labels": ("Labels", "标签"),
    "held_by": ("Held by", "等待原因"),
}
"""What is shown below the sentence, where an event has it."""
OPERATORS = {
    "lt": ("below", "低于"),
    "le": ("at or below", "不高于"),
    "gt": ("above", "高于"),
    "ge": ("at or above", "不低于"),
}
AGAINST = (", alarm {operator} {threshold}", "，告警线：{operator} {threshold}")
THRESHOLD = (", threshold {threshold}", "，告警线 {threshold}")
EXPECTED = (", expected {expected}", "，预期 {expected}")
PERSON, PEOPLE = ("{count} person", "{count} 人"), ("{count} people", "{count} 人")
NOBODY = ("nobody", "无人")
OPEN = ("Open", "查看")
FIRING = ("{firing} firing", "{firing} 个触发")
ENDED = ("{ended} over", "{ended} 个已恢复")
ALERTS = ("Alerts: {states} ({names})", "告警：{states}（{names}）")
BETWEEN = (", ", "、")
FIRES, IS_OVER = ("firing", "触发"), ("over", "已恢复")
MORE = ("… and {count} more", "…… 另有 {count} 个")
