"""Data: what users of apps, shops and services call one thing in English and Chinese; a workspace adds its own."""

from __future__ import annotations

# things with their names, the first of which reasons of theirs are called by; endings of English words are cut by the rules
_GROUPS = """
crash, force close, shut down by itself, 闪退, 崩溃, 闪崩, 闪出, 强退;
freeze, hang, stuck, unresponsive, not responding, 卡死, 死机, 卡住, 没反应, 无响应, 定住;
lag, slow, sluggish, laggy, slowness, 卡顿, 太慢, 很慢, 缓慢, 慢, 好慢, 延迟, 变慢;
fail, failure, unsuccessful, cannot, can't, can not, unable, couldn't, doesn't work, not working, won't, 失败;
fail, 无法, 不能, 不了, 没法, 不成功, 用不了, 不行; error, exception, 报错, 错误, 异常, 出错;
blank screen, white screen, blank page, 白屏, 空白页; black screen, 黑屏;
log in, login, sign in, signin, log on, logon, 登录, 登陆, 登入, 登不上, 登不进去, 登不了, log into, sign into;
log out, logout, sign out, 退出登录, 登出, 注销登录; sign up, signup, register, registration, create an account, 注册;
account, 账号, 帐号, 账户, 帐户; password, passcode, 密码;
forgot password, reset password, password reset, 忘记密码, 重置密码, 找回密码, 密码重置;
verification code, sms code, otp, one time code, security code, 验证码, 校验码; fingerprint, touch id, 指纹;
face id, face recognition, 人脸识别, 刷脸, 面容; pay, payment, checkout, check out, 支付, 付款, 结账, 付钱, 缴费;
refund, money back, 退款, 退钱; charge, deduct, deduction, 扣款, 扣费, 扣钱, 扣, 被扣款;
charged twice, double charge, duplicate charge, charged two times, 重复扣款, 扣款两次, 扣了两次, 多扣, 重复扣费;
invoice, receipt, 发票, 收据; order, 订单, 下单; coupon, voucher, promo code, discount code, 优惠券, 优惠码, 代金券, 折扣码;
discount, 折扣, 打折; price, pricing, 价格, 价钱; expensive, overpriced, pricey, 贵, 太贵;
subscription, subscribe, membership, 订阅, 会员; auto renew, automatic renewal, renewal, 自动续费, 续费; cancel, 取消;
delivery, shipping, shipment, courier, 快递, 物流, 配送, 送货, 发货, parcel, package, tracking, 包裹, 快件;
return goods, return item, 退货; cart, basket, 购物车; address, 地址; export, 导出, 汇出; import, 导入, 汇入; download, 下载;
upload, 上传; install, installation, 安装; uninstall, 卸载; update, upgrade, 更新, 升级; version, 版本;
report, reporting, 报表, 报告; chart, graph, 图表; spreadsheet, xlsx, xls, excel, 电子表格; table, 表格; pdf, pdf 文件;
csv, csv 文件; document, doc, 文档; file, 文件; folder, directory, 文件夹, 目录; attachment, 附件;
picture, photo, image, pic, 图片, 照片, 相片; video, 视频; audio, sound, 声音, 音频; mute, silent, silence, 静音; volume, 音量;
screenshot, screen shot, 截图, 截屏; camera, 相机, 摄像头, take photo, take picture, 拍照, 拍摄; scan, 扫描, 扫码; qr code, 二维码;
microphone, mic, 麦克风; voice, 语音; call, phone call, 通话, 打电话;
notification, push, alert, reminder, remind, 通知, 推送, 提醒, 消息提醒; message, msg, 消息, 信息; chat, conversation, 聊天, 会话;
email, e mail, mail, 邮件, 邮箱; text message, sms, 短信; search, 搜索, 查找, 检索; filter, 筛选, 过滤;
sort, order by, sorting, 排序; list, 列表; calendar, 日历; schedule, 日程, 排期; meeting, 会议; comment, 评论;
review, rating, 评价; like, thumbs up, 点赞; favorite, favourite, bookmark, 收藏; share, 分享; follow, 关注;
friend, 好友, 朋友; group, 群组, 群, 群聊, group chat; dark mode, night mode, dark theme, 深色模式, 夜间模式, 暗黑模式, 黑暗模式, 暗色模式;
font, typeface, 字体; font size, text size, larger text, bigger text, 字号, 字体大小; language, 语言;
translation, translate, 翻译; color, colour, 颜色; theme, skin, 主题, 皮肤; layout, 布局, 排版, overlap, 错乱, 乱;
button, 按钮, 按键; page, 页面; home page, homepage, home screen, 首页, 主页; menu, 菜单; tab, 标签页; widget, 小组件, 小部件;
shortcut, hotkey, keyboard shortcut, 快捷键; keyboard, 键盘; mouse, 鼠标; setting, preference, option, 设置, 选项;
profile, 个人资料, 个人主页; avatar, profile picture, 头像; nickname, user name, username, 昵称, 用户名;
permission, access right, 权限; privacy, 隐私; security, 安全; hack, stolen, hijack, 被盗, 盗号, 盗用;
delete, remove, erase, 删除, 删掉, 移除; restore, recover, recovery, 恢复, 还原; undo, 撤销, 撤回; save, 保存;
lose, lost, disappear, vanish, missing, gone, 丢失, 不见, 消失, 没了, 丢了; copy, duplicate, 复制; paste, 粘贴; edit, 编辑;
print, printer, 打印; backup, back up, 备份; sync, synchronize, synchronization, synchronise, 同步; cloud, 云端;
offline, 离线, 断网, 没网, without internet, no internet; network, internet, 网络, 联网; wifi, wi fi, wireless, 无线网;
bluetooth, 蓝牙; gps, location, locate, 定位, 位置; map, 地图; battery, power consumption, 电量, 耗电, 费电, 电池, drain, 掉电;
overheat, hot, 发热, 发烫; storage, disk space, 存储, 内存, 空间; cache, 缓存; load, loading, 加载, 载入;
open, launch, start, start up, 打开, 启动, 打不开, 开不了; close, 关闭, 关掉, turn off, disable, 关不掉; play, playback, 播放;
pause, 暂停; scroll, 滚动, 滑动; zoom, enlarge, magnify, 放大, 缩放; rotate, landscape, 旋转, 横屏;
full screen, fullscreen, 全屏; advertisement, advert, ads, ad, 广告; spam, junk, 垃圾信息, 骚扰;
customer service, customer support, support team, support, 客服; reply, respond, response, 回复, 答复, answer, 回答;
wait, waiting, 等待, 排队, 等, 久等; phone number, mobile number, 手机号, 手机号码, 电话号码; phone, mobile, 手机; tablet, 平板;
computer, pc, 电脑; iphone, ios, apple phone, 苹果, 苹果手机; ipad; android, 安卓; harmonyos, 鸿蒙; windows; mac, macos;
linux; browser, 浏览器; website, web page, web site, 网站, 网页, 网页版; mini program, 小程序; wechat, 微信; alipay, 支付宝;
bank card, debit card, credit card, 银行卡, 信用卡; balance, 余额; points, loyalty points, 积分; level, tier, 等级;
bug, defect, 漏洞, 缺陷; feature, function, functionality, 功能; support for, 支持; add, 添加, 增加, 新增, 加上; data, 数据;
statistics, stats, 统计; time zone, timezone, 时区; duplicate item, 重复;
wrong, incorrect, inaccurate, 不对, 不正确, 不准, 不准确; blurry, blurred, fuzzy, 模糊, 不清楚;
complicated, complex, confusing, 复杂, 难用, hard to use, 难懂; convenient, handy, 方便;
course, lesson, class, 课程, 课, 上课; exam, test paper, quiz, 考试; homework, assignment, 作业; api, 接口;
batch, bulk, in bulk, 批量, 一次性, at once, 一次; template, 模板; history, record, 历史, 记录; draft, 草稿;
bind, link account, 绑定; unbind, unlink, 解绑, 解除绑定; change, switch, 更换, 切换, 改, modify, replace, 修改, 更改, 换, 改成, 换成;
connect, connection, pair, pairing, 连接, 连上, 连不上, 配对; receive, arrive, arrival, 收到, 收不到, 没收到, 到账, 未到账;
find, 找, 找到, 找不到; show, display, visible, see, 显示, 看到, 看不到, 展示; unread, 未读; read, 阅读, 已读; hear, 听到, 听不到, 听不见;
big, large, larger, bigger, 大, 太大, 变大, 调大; small, tiny, smaller, 小, 太小; too many, too much, 太多;
several, multiple, 多个, 几个, 多条, 多张; task, todo, to do, 任务, 待办; label, tag, 标签; empty, blank, 空白, 空的, 空;
lock, locked out, 锁, 锁定, 被锁; time, 时间; hour, 小时, 钟头; minute, 分钟; day, 天; week, weekly, 周, 星期, 每周;
month, monthly, 月, 每月; interrupt, break off, interruption, half way, halfway, 中断, 断掉, 中途; red dot, badge, 红点, 角标;
recording, voice recording, audio recording, 录音, 录制; limit, maximum, 上限, 限制; people, person, user, 人, 用户, 人数;
student, pupil, 学生; teacher, 老师, 教师; submit, hand in, submission, 提交, 交;
interface, ui, user interface, redesign, 界面, 新版; entrance, entry, 入口; money, cash, 钱;
apply, application form, 申请; product, item, goods, 商品, 东西, 物品; pop up, popup, 弹出, 弹窗, 弹出来, 跳出来;
annoying, annoyed, 烦, 太烦, 烦人, 打扰; nobody, no one, 没人, 没有人; recognize, recognition, recognise, identify, 识别;
system, 系统; night, evening, 晚上, 夜里, 夜间; eye, 眼睛; bright, brightness, 亮, 太亮, 亮度; help, 帮助;
enable, turn on, 开启, 启用; accurate, correct, 准确, 正确; clear, dismiss, 清除, 清掉, 清空; chinese, 中文, 汉语; english, 英文, 英语;
japanese, 日文, 日语; company, 公司; name, 名称, 名字; reject, decline, refuse, invalid, 拒绝, 无效;
success, succeed, successful, go through, 成功; check in, 签到, 打卡; quick, fast, quickly, 很快, 快, 迅速; stop, 停止, 停;
speed, 速度; unreadable, illegible, 看不清, 看不清楚; shop, store, 店铺, 商店; customer, client, 客户, 顾客; team, 团队;
project, 项目; login page, 登录页; click, tap, press, 点击, 点, 点不了; input, enter, type, 输入; text, 文字, 文本;
send, sent, 发送, 发; forward, 转发; automatic, automatically, auto, 自动; manual, manually, 手动;
daily, every day, 每天, 每日; free, free of charge, 免费; gift, present, 礼品, 赠品; quality, 质量;
broken, damaged, 坏, 损坏, 坏了; repair, fix, 修复, 维修, 修; clean, tidy, 简洁, 清爽; useful, helpful, 有用, 实用;
beautiful, pretty, nice looking, 好看, 漂亮; smooth, 流畅, 顺畅; stable, 稳定; safe, 安全感; popular, 热门;
recommend, recommendation, 推荐; compare, comparison, 对比, 比较; cheap, 便宜; hotel, 酒店; ticket, 票, 门票; flight, 航班;
train, 火车; driver, 司机; restaurant, 餐厅; food, meal, 饭, 餐; seat, 座位;
book, booking, reserve, reservation, 预订, 预定, 预约; sign a contract, contract, 合同; approve, approval, 审批, 审核;
role, 角色; administrator, admin, 管理员; member, 成员; invite, invitation, 邀请; department, 部门; dashboard, 仪表盘, 看板;
field, 字段; column, 列; row, 行; date, 日期; number, 数字, 编号; amount, 金额; bill, 账单; bank, 银行; transfer, 转账;
withdraw, withdrawal, cash out, 提现, 取现; top up, recharge, 充值; loan, 贷款, 借款; repay, repayment, 还款; interest, 利息;
insurance, 保险
"""

GROUPS: tuple[tuple[str, ...], ...] = tuple(
    tuple(term.strip() for term in group.split(",")) for group in _GROUPS.split(";")
)

NAMES = frozenset(group[0] for group in GROUPS)

_CLASSES = (
    ("iphone", "ipad", "android", "harmonyos", "windows", "mac", "linux", "mini program", "website"),
    ("pdf", "csv", "spreadsheet", "document", "json", "xml", "png", "jpg"),
    ("wechat", "alipay", "bank card", "paypal"),
    ("chrome", "safari", "firefox", "edge"),
    ("export", "import"),
    ("upload", "download"),
    ("log in", "log out", "sign up"),
    ("picture", "video", "audio"),
    ("email", "text message"),
    ("sync", "backup"),
    ("refund", "charge"),
    ("open", "close"),
    ("delete", "restore"),
    ("wifi", "bluetooth"),
    ("expensive", "cheap"),
)
CLASSES: tuple[frozenset[str], ...] = tuple(frozenset(one) for one in _CLASSES)
"""What a text speaks of one of, so that a text that speaks of another one means something else."""
TROUBLE = ("fail", "error", "crash", "freeze", "wrong", "lose")
"""What denies that something works, said without a word of denial."""
