"""Data: what users of apps, shops and services call one thing in English and Chinese; a workspace adds its own."""

from __future__ import annotations

# things with their names, the first of which reasons of theirs are called by; endings of English words are cut by the rules
_GROUPS = """
crash, force close, shut down by itself, 闪退, 崩溃, 闪崩, 闪出, 强退;
freeze, hang, stuck, unresponsive, not responding, 卡死, 死机, 卡住, 没反应, 无响应, 定住;
lag, slow, sluggish, laggy, slowness, 卡顿, 太慢, 很慢, 缓慢, 慢, 好慢, 延迟, 变慢; fail, failure, unsuccessful;
fail, cannot, can't, can not, unable, couldn't, doesn't work, not working, won't, 失败, 无法, 不能, 不了, 没法, 不成功;
fail, 用不了, 不行; error, exception, 报错, 错误, 异常, 出错; blank screen, white screen, blank page, 白屏, 空白页; black screen, 黑屏;
log in, login, sign in, signin, log on, logon, 登录, 登陆, 登入; log out, logout, sign out, 退出登录, 登出, 注销登录;
sign up, signup, register, registration, create an account, 注册; account, 账号, 帐号, 账户, 帐户; password, passcode, 密码;
forgot password, reset password, password reset, 忘记密码, 重置密码, 找回密码, 密码重置;
verification code, sms code, otp, one time code, security code, 验证码, 校验码; fingerprint, touch id, 指纹;
face id, face recognition, 人脸识别, 刷脸, 面容; pay, payment, checkout, check out, 支付, 付款, 结账, 付钱, 缴费;
refund, money back, 退款, 退钱; charge, deduct, deduction, 扣款, 扣费, 扣钱;
charged twice, double charge, duplicate charge, charged two times, 重复扣款, 扣款两次, 扣了两次, 多扣, 重复扣费;
invoice, receipt, 发票, 收据; order, 订单, 下单; coupon, voucher, promo code, discount code, 优惠券, 优惠码, 代金券, 折扣码;
discount, 折扣, 打折; price, pricing, 价格, 价钱; expensive, overpriced, pricey, 贵, 太贵;
subscription, subscribe, membership, 订阅, 会员; auto renew, automatic renewal, renewal, 自动续费, 续费; cancel, 取消;
delivery, shipping, shipment, courier, 快递, 物流, 配送, 送货, 发货; return goods, return item, 退货; cart, basket, 购物车;
address, 地址; export, 导出, 汇出; import, 导入, 汇入; download, 下载; upload, 上传; install, installation, 安装; uninstall, 卸载;
update, upgrade, 更新, 升级; version, 版本; report, reporting, 报表, 报告; chart, graph, 图表; spreadsheet, xlsx, xls, excel, 电子表格;
table, 表格; pdf, pdf 文件; csv, csv 文件; document, doc, 文档; file, 文件; folder, directory, 文件夹, 目录; attachment, 附件;
picture, photo, image, pic, 图片, 照片, 相片; video, 视频; audio, sound, 声音, 音频; mute, silent, silence, 静音; volume, 音量;
screenshot, screen shot, 截图, 截屏; camera, 相机, 摄像头; scan, 扫描, 扫码; qr code, 二维码; microphone, mic, 麦克风; voice, 语音;
call, phone call, 通话, 打电话; notification, push, alert, reminder, remind, 通知, 推送, 提醒, 消息提醒; message, msg, 消息, 信息;
chat, conversation, 聊天, 会话; email, e mail, mail, 邮件, 邮箱; text message, sms, 短信; search, 搜索, 查找, 检索; filter, 筛选, 过滤;
sort, order by, sorting, 排序; list, 列表; calendar, 日历; schedule, 日程, 排期; meeting, 会议; comment, 评论; review, rating, 评价;
like, thumbs up, 点赞; favorite, favourite, bookmark, 收藏; share, 分享; follow, 关注; friend, 好友; group, 群组, 群;
dark mode, night mode, dark theme, 深色模式, 夜间模式, 暗黑模式, 黑暗模式, 暗色模式; font, typeface, 字体;
font size, text size, larger text, bigger text, 字号, 字体大小; language, 语言; translation, translate, 翻译; color, colour, 颜色;
theme, skin, 主题, 皮肤; layout, 布局, 排版; button, 按钮, 按键; page, 页面; home page, homepage, home screen, 首页, 主页; menu, 菜单;
tab, 标签页; widget, 小组件, 小部件; shortcut, hotkey, keyboard shortcut, 快捷键; keyboard, 键盘; mouse, 鼠标;
setting, preference, option, 设置, 选项; profile, 个人资料, 个人主页; avatar, profile picture, 头像;
nickname, user name, username, 昵称, 用户名; permission, access right, 权限; privacy, 隐私; security, 安全;
hack, stolen, hijack, 被盗, 盗号, 盗用; delete, remove, erase, 删除, 删掉, 移除; restore, recover, recovery, 恢复, 还原; undo, 撤销, 撤回;
save, 保存; lose, lost, disappear, vanish, missing, gone, 丢失, 不见, 消失, 没了, 丢了; copy, duplicate, 复制; paste, 粘贴;
edit, modify, 编辑, 修改; print, printer, 打印; backup, back up, 备份; sync, synchronize, synchronization, synchronise, 同步;
cloud, 云端; offline, 离线; network, internet, connection, connect, 网络, 联网, 连接; wifi, wi fi, wireless, 无线网; bluetooth, 蓝牙;
gps, location, locate, 定位, 位置; map, 地图; battery, power consumption, 电量, 耗电, 费电, 电池; overheat, hot, 发热, 发烫;
storage, disk space, 存储, 内存, 空间; cache, 缓存; load, loading, 加载, 载入; open, launch, start, start up, 打开, 启动;
close, 关闭, 关掉; play, playback, 播放; pause, 暂停; scroll, 滚动, 滑动; zoom, enlarge, magnify, 放大, 缩放;
rotate, landscape, 旋转, 横屏; full screen, fullscreen, 全屏; advertisement, advert, ads, ad, 广告; spam, junk, 垃圾信息, 骚扰;
customer service, customer support, support team, support, 客服; reply, respond, response, 回复, 答复; wait, waiting, 等待, 排队;
phone number, mobile number, 手机号, 手机号码, 电话号码; phone, mobile, 手机; tablet, 平板; computer, pc, 电脑;
iphone, ios, apple phone, 苹果, 苹果手机; ipad; android, 安卓; harmonyos, 鸿蒙; windows; mac, macos; linux; browser, 浏览器;
website, web page, web site, 网站, 网页, 网页版; mini program, 小程序; wechat, 微信; alipay, 支付宝;
bank card, debit card, credit card, 银行卡, 信用卡; balance, 余额; points, loyalty points, 积分; level, tier, 等级;
bug, defect, 漏洞, 缺陷; feature, function, functionality, 功能; support for, 支持; add, 添加, 增加, 新增, 加上; data, 数据;
statistics, stats, 统计; time zone, timezone, 时区; duplicate item, 重复; wrong, incorrect, inaccurate, 不对, 不正确, 不准, 不准确;
blurry, blurred, fuzzy, 模糊, 不清楚; complicated, complex, confusing, 复杂, 难用; convenient, handy, 方便;
course, lesson, class, 课程; exam, test paper, quiz, 考试; homework, assignment, 作业; api, interface, 接口;
batch, bulk, in bulk, 批量, 一次性; template, 模板; history, record, 历史, 记录; draft, 草稿; bind, link account, 绑定;
unbind, unlink, 解绑, 解除绑定; change, switch, 更换, 切换, 改
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
