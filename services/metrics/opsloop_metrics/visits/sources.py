"""Data: which hosts and names of sources are search engines, networks, shops and so on; Chinese and others alike."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What sends visitors."""

    SEARCH = "search"
    SOCIAL = "social"
    VIDEO = "video"
    SHOPPING = "shopping"
    EMAIL = "email"
    AI = "ai"
    SMS = "sms"
    PUSH = "push"
    AFFILIATE = "affiliate"
    OTHER = "other"
    """A host of somebody's that would else be taken for what he is known for: a sign-in page of Google's is no search."""


HOSTS = {
    Kind.SEARCH: """
        baidu.com www.baidu.com m.baidu.com sogou.com so.com haosou.com sm.cn so.m.sm.cn quark.sm.cn quark.cn chinaso.com
        so.toutiao.com youdao.com petalsearch.com bing.com cn.bing.com weixin.sogou.com zhihu.sogou.com
        duckduckgo.com ecosia.org qwant.com startpage.com search.brave.com kagi.com mojeek.com ask.com search.aol.com
        search.yahoo.com search.yahoo.co.jp search.naver.com m.search.naver.com search.daum.net seznam.cz search.seznam.cz
        coccoc.com ya.ru rambler.ru go.mail.ru lite.qwant.com msn.com com.google.android.googlequicksearchbox
        com.baidu.searchbox search.lilo.org dogpile.com
    """,
    Kind.SOCIAL: """
        weibo.com weibo.cn t.cn mp.weixin.qq.com weixin.qq.com weixin110.qq.com wx.qq.com servicewechat.com com.tencent.mm
        qzone.qq.com user.qzone.qq.com im.qq.com c.pc.qq.com com.tencent.mobileqq xiaohongshu.com xhslink.com zhihu.com
        com.zhihu.android toutiao.com com.ss.android.article.news tieba.baidu.com zhidao.baidu.com douban.com jianshu.com
        v2ex.com csdn.net juejin.cn segmentfault.com oschina.net hupu.com maimai.cn okjike.com coolapk.com sspai.com
        facebook.com fb.com fb.me messenger.com instagram.com threads.net threads.com twitter.com x.com t.co linkedin.com
        lnkd.in reddit.com redd.it out.reddit.com pinterest.com pin.it tumblr.com quora.com medium.com vk.com ok.ru
        snapchat.com discord.com discordapp.com t.me telegram.org web.telegram.org org.telegram.messenger whatsapp.com wa.me
        bsky.app mastodon.social news.ycombinator.com stackoverflow.com producthunt.com slack.com line.me kakao.com xing.com
        com.facebook.katana com.instagram.android com.twitter.android com.linkedin.android com.reddit.frontpage
    """,
    Kind.VIDEO: """
        douyin.com iesdouyin.com com.ss.android.ugc.aweme kuaishou.com gifshow.com bilibili.com b23.tv tv.danmaku.bili
        v.qq.com channels.weixin.qq.com youku.com iqiyi.com ixigua.com mgtv.com huya.com douyu.com acfun.cn youtube.com
        youtu.be com.google.android.youtube vimeo.com dailymotion.com twitch.tv tiktok.com com.zhiliaoapp.musically
        rutube.ru nicovideo.jp
    """,
    Kind.SHOPPING: """
        taobao.com tmall.com jd.com pinduoduo.com yangkeduo.com 1688.com alibaba.com aliexpress.com vip.com suning.com
        dangdang.com goofish.com smzdm.com shopping.google.com etsy.com walmart.com temu.com shein.com rakuten.co.jp
        mercadolibre.com shopee.com lazada.com shop.app
    """,
    Kind.EMAIL: """
        mail.qq.com wx.mail.qq.com exmail.qq.com mail.163.com mail.126.com mail.yeah.net mail.sina.com.cn mail.aliyun.com
        qiye.aliyun.com mail.139.com mail.google.com com.google.android.gm outlook.live.com outlook.office.com
        outlook.office365.com mail.yahoo.com mail.yahoo.co.jp mail.yandex.ru mail.yandex.com mail.proton.me e.mail.ru
        mail.zoho.com app.fastmail.com webmail.freenet.de
    """,
    Kind.AI: """
        chatgpt.com chat.openai.com openai.com perplexity.ai claude.ai gemini.google.com bard.google.com notebooklm.google.com
        copilot.microsoft.com copilot.cloud.microsoft m365.cloud.microsoft grok.com x.ai meta.ai poe.com you.com phind.com
        chat.mistral.ai deepseek.com chat.deepseek.com doubao.com kimi.com kimi.moonshot.cn kimi.ai moonshot.cn tongyi.com
        tongyi.aliyun.com qianwen.com qianwen.aliyun.com chat.qwen.ai qwen.ai yiyan.baidu.com chat.baidu.com wenxin.baidu.com
        yuanbao.tencent.com hunyuan.tencent.com chatglm.cn chat.z.ai metaso.cn xinghuo.xfyun.cn hailuoai.com felo.ai
        com.openai.chatgpt
    """,
    Kind.OTHER: """
        pan.baidu.com baike.baidu.com wenku.baidu.com fanyi.baidu.com tongji.baidu.com passport.baidu.com map.baidu.com
        open.weixin.qq.com graph.qq.com docs.qq.com pay.weixin.qq.com accounts.google.com docs.google.com drive.google.com
        meet.google.com calendar.google.com sites.google.com translate.google.com classroom.google.com groups.google.com
        login.yahoo.com account.live.com
    """,
}
"""Hosts, by which all below them count too unless they stand here themselves."""
BRANDS = {
    "google": Kind.SEARCH, "yandex": Kind.SEARCH, "baidu": Kind.SEARCH, "bing": Kind.SEARCH, "yahoo": Kind.SEARCH,
    "pinterest": Kind.SOCIAL, "amazon": Kind.SHOPPING, "ebay": Kind.SHOPPING, "shopee": Kind.SHOPPING,
    "lazada": Kind.SHOPPING, "mercadolibre": Kind.SHOPPING,
}  # fmt: skip
"""Who is at home under the domain of every country: google.de, google.com.hk, amazon.co.jp."""
NAMES = {
    Kind.SEARCH: """
        google googleads adwords bing baidu sogou 360 360so haosou sm shenma quark yandex yahoo duckduckgo ddg ecosia naver
        百度 搜狗 神马 夸克 必应 谷歌 头条搜索
    """,
    Kind.SOCIAL: """
        facebook fb ig instagram meta threads twitter x linkedin reddit pinterest tumblr quora snapchat telegram whatsapp
        discord vk bluesky hackernews weibo weixin wechat wx gzh qq qzone xiaohongshu xhs rednote zhihu toutiao douban tieba
        maimai jike 微博 微信 公众号 朋友圈 小红书 知乎 今日头条 头条 豆瓣 贴吧 QQ空间
    """,
    Kind.VIDEO: "youtube vimeo twitch tiktok douyin kuaishou bilibili bili youku iqiyi 抖音 快手 哔哩哔哩 b站 视频号 西瓜视频 优酷",
    Kind.SHOPPING: "amazon ebay etsy shopify taobao tmall jd pinduoduo pdd aliexpress 淘宝 天猫 京东 拼多多",
    Kind.EMAIL: "email e-mail e_mail mail newsletter mailchimp sendgrid brevo klaviyo hubspot_email 邮件 邮箱 电子邮件",
    Kind.AI: "chatgpt openai perplexity claude gemini copilot grok deepseek doubao kimi qwen 豆包 通义 元宝 文心一言",
    Kind.SMS: "sms mms 短信",
    Kind.PUSH: "push firebase webpush onesignal jpush getui 推送",
    Kind.AFFILIATE: "affiliate affiliates impact awin shareasale cj 联盟",
}
"""What people write into utm_source besides hosts; a name of four letters or more counts with what follows it (google_ads) too."""


def kind_of_host(host: str) -> Kind | None:
    """Return what sits at a host (lower case, no port), None for anybody's."""
    labels = host.split(".")[-8:]
    for start in range(len(labels)):
        if kind := _HOSTS.get(".".join(labels[start:])):
            return kind
    # the brand stands before one label of a country, or two (.co.uk): what is before the brand may only be a way to its front page
    for end in (2, 3):
        brand = BRANDS.get(labels[-end]) if len(labels) >= end else None
        if brand and (end == 2 or len(labels[-2]) <= 3) and _is_front(labels[:-end]):
            return brand
    return None


def kind_of_name(name: str) -> Kind | None:
    """Return what a `utm_source` names, whichever way it is spelt; None where nobody knows."""
    folded = name.strip().lower()
    if kind := _NAMES.get(folded):
        return kind
    if "." in folded and (kind := kind_of_host(folded)):
        return kind
    first = folded.replace("-", "_").replace(" ", "_").partition("_")[0]
    return _NAMES.get(first) if len(first) >= 4 or not first.isascii() else None


def _is_front(labels: list[str]) -> bool:
    return not labels or (len(labels) == 1 and (labels[0] in _FRONTS or len(labels[0]) == 2)) or labels[-1] == "search"


_FRONTS = frozenset({"www", "m", "images", "news", "search", "cn", "wap"})
_HOSTS = {host: kind for kind, hosts in HOSTS.items() for host in hosts.split()}
_NAMES = {name.lower(): kind for kind, names in NAMES.items() for name in names.split()}
