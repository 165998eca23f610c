"""Through which channel somebody came: what links, names and click ids say, Chinese and others alike."""

import pytest

from opsloop_metrics.visits.channels import CLICKS, FREE, MEDIA, PAID, Campaign, Channel, channel_of
from opsloop_metrics.visits.sources import BRANDS, HOSTS, NAMES, Kind, kind_of_host, kind_of_name


@pytest.mark.parametrize(
    ("host", "channel"),
    [
        ("", Channel.DIRECT),
        ("www.google.com", Channel.ORGANIC_SEARCH),
        ("google.de", Channel.ORGANIC_SEARCH),
        ("www.google.com.hk", Channel.ORGANIC_SEARCH),
        ("www.google.co.uk", Channel.ORGANIC_SEARCH),
        ("accounts.google.com", Channel.REFERRAL),
        ("docs.google.com", Channel.REFERRAL),
        ("mail.google.com", Channel.EMAIL),
        ("gemini.google.com", Channel.AI_ASSISTANT),
        ("com.google.android.gm", Channel.EMAIL),
        ("com.google.android.googlequicksearchbox", Channel.ORGANIC_SEARCH),
        ("www.bing.com", Channel.ORGANIC_SEARCH),
        ("cn.bing.com", Channel.ORGANIC_SEARCH),
        ("duckduckgo.com", Channel.ORGANIC_SEARCH),
        ("yandex.ru", Channel.ORGANIC_SEARCH),
        ("uk.search.yahoo.com", Channel.ORGANIC_SEARCH),
        ("www.baidu.com", Channel.ORGANIC_SEARCH),
        ("m.baidu.com", Channel.ORGANIC_SEARCH),
        ("tieba.baidu.com", Channel.ORGANIC_SOCIAL),
        ("pan.baidu.com", Channel.REFERRAL),
        ("yiyan.baidu.com", Channel.AI_ASSISTANT),
        ("www.sogou.com", Channel.ORGANIC_SEARCH),
        ("weixin.sogou.com", Channel.ORGANIC_SEARCH),
        ("www.so.com", Channel.ORGANIC_SEARCH),
        ("quark.sm.cn", Channel.ORGANIC_SEARCH),
        ("so.toutiao.com", Channel.ORGANIC_SEARCH),
        ("www.toutiao.com", Channel.ORGANIC_SOCIAL),
        ("mp.weixin.qq.com", Channel.ORGANIC_SOCIAL),
        ("open.weixin.qq.com", Channel.REFERRAL),
        ("servicewechat.com", Channel.ORGANIC_SOCIAL),
        ("user.qzone.qq.com", Channel.ORGANIC_SOCIAL),
        ("mail.qq.com", Channel.EMAIL),
        ("v.qq.com", Channel.ORGANIC_VIDEO),
        ("news.qq.com", Channel.REFERRAL),
        ("weibo.com", Channel.ORGANIC_SOCIAL),
        ("m.weibo.cn", Channel.ORGANIC_SOCIAL),
        ("www.xiaohongshu.com", Channel.ORGANIC_SOCIAL),
        ("link.zhihu.com", Channel.ORGANIC_SOCIAL),
        ("www.douyin.com", Channel.ORGANIC_VIDEO),
        ("www.bilibili.com", Channel.ORGANIC_VIDEO),
        ("item.taobao.com", Channel.ORGANIC_SHOPPING),
        ("chat.deepseek.com", Channel.AI_ASSISTANT),
        ("www.doubao.com", Channel.AI_ASSISTANT),
        ("chatgpt.com", Channel.AI_ASSISTANT),
        ("www.perplexity.ai", Channel.AI_ASSISTANT),
        ("t.co", Channel.ORGANIC_SOCIAL),
        ("l.facebook.com", Channel.ORGANIC_SOCIAL),
        ("out.reddit.com", Channel.ORGANIC_SOCIAL),
        ("news.ycombinator.com", Channel.ORGANIC_SOCIAL),
        ("m.youtube.com", Channel.ORGANIC_VIDEO),
        ("www.amazon.co.jp", Channel.ORGANIC_SHOPPING),
        ("console.amazon.com", Channel.REFERRAL),
        ("blog.example.org", Channel.REFERRAL),
        ("notgoogle.com", Channel.REFERRAL),
        ("google.evil.example", Channel.REFERRAL),
        ("baidu.com.evil.example", Channel.REFERRAL),
        ("例子.中国", Channel.REFERRAL),
    ],
)
def test_by_who_links_here(host, channel):
    assert channel_of(Campaign(), None, host) == channel


@pytest.mark.parametrize(
    ("source", "medium", "name", "channel"),
    [
        ("google", "cpc", "", Channel.PAID_SEARCH),
        ("Google", "CPC", "spring", Channel.PAID_SEARCH),
        ("google_ads", "ppc", "", Channel.PAID_SEARCH),
        ("baidu", "sem", "", Channel.PAID_SEARCH),
        ("百度", "竞价", "", Channel.PAID_SEARCH),
        ("baidu-pinzhuan", "ocpc", "", Channel.PAID_SEARCH),
        ("facebook", "paid_social", "", Channel.PAID_SOCIAL),
        ("ig", "cpm", "", Channel.PAID_SOCIAL),
        ("someone", "paidsocial", "", Channel.PAID_SOCIAL),
        ("小红书", "信息流", "", Channel.PAID_SOCIAL),
        ("weixin", "付费推广", "", Channel.PAID_SOCIAL),
        ("抖音", "信息流广告", "", Channel.PAID_VIDEO),
        ("youtube", "cpv", "", Channel.PAID_VIDEO),
        ("taobao", "cpc", "", Channel.PAID_SHOPPING),
        ("google", "cpc", "summer-shopping", Channel.PAID_SHOPPING),
        ("someone", "cpc", "", Channel.PAID_OTHER),
        ("", "retargeting", "", Channel.PAID_OTHER),
        ("newsletter", "cpc", "", Channel.PAID_OTHER),
        ("someone", "cpm", "", Channel.DISPLAY),
        ("someone", "banner", "", Channel.DISPLAY),
        ("google", "cpc", "a cross-network one", Channel.CROSS_NETWORK),
        ("newsletter", "email", "", Channel.EMAIL),
        ("newsletter", "", "", Channel.EMAIL),
        ("crm", "邮件", "", Channel.EMAIL),
        ("mailchimp", "e-mail", "", Channel.EMAIL),
        ("partner", "affiliate", "", Channel.AFFILIATES),
        ("partner", "cps", "", Channel.AFFILIATES),
        ("show", "podcast", "", Channel.AUDIO),
        ("crm", "短信", "", Channel.SMS),
        ("sms", "", "", Channel.SMS),
        ("crm", "mobile_push", "", Channel.PUSH),
        ("crm", "app推送", "", Channel.PUSH),
        ("firebase", "", "", Channel.PUSH),
        ("crm", "notification", "", Channel.PUSH),
        ("公众号", "", "", Channel.ORGANIC_SOCIAL),
        ("weixin", "social", "", Channel.ORGANIC_SOCIAL),
        ("xhs", "note", "", Channel.ORGANIC_SOCIAL),
        ("someone", "social-media", "", Channel.ORGANIC_SOCIAL),
        ("B站", "", "", Channel.ORGANIC_VIDEO),
        ("someone", "product-video", "", Channel.ORGANIC_VIDEO),
        ("bing", "organic", "", Channel.ORGANIC_SEARCH),
        ("google.com", "", "", Channel.ORGANIC_SEARCH),
        ("chatgpt.com", "", "", Channel.AI_ASSISTANT),
        ("豆包", "", "", Channel.AI_ASSISTANT),
        ("partner.example", "referral", "", Channel.REFERRAL),
        ("(direct)", "(none)", "", Channel.DIRECT),
        ("someone", "", "web-shop", Channel.ORGANIC_SHOPPING),
        ("someone", "", "eshop", Channel.ORGANIC_SHOPPING),
        ("someone", "", "workshop", Channel.UNASSIGNED),
        ("someone", "qr", "", Channel.UNASSIGNED),
        ("", "", "spring", Channel.UNASSIGNED),
        ("xylophone", "", "", Channel.UNASSIGNED),
        ("x", "", "", Channel.ORGANIC_SOCIAL),
    ],
)
def test_by_what_a_marketer_wrote(source, medium, name, channel):
    assert channel_of(Campaign(source, medium, name), None, "") == channel


@pytest.mark.parametrize(
    ("campaign", "click", "host", "channel"),
    [
        # a click id that only advertisements carry beats who links here, which still says what kind of place it was
        (Campaign(), "gclid", "", Channel.PAID_SEARCH),
        (Campaign(), "gclid", "www.google.com", Channel.PAID_SEARCH),
        (Campaign(), "gclid", "www.youtube.com", Channel.PAID_VIDEO),
        (Campaign(), "gclid", "blog.example.org", Channel.PAID_SEARCH),
        (Campaign(), "msclkid", "cn.bing.com", Channel.PAID_SEARCH),
        (Campaign(), "bd_vid", "www.baidu.com", Channel.PAID_SEARCH),
        (Campaign(), "ttclid", "", Channel.PAID_VIDEO),
        (Campaign(), "li_fat_id", "www.linkedin.com", Channel.PAID_SOCIAL),
        (Campaign(), "qz_gdt", "", Channel.PAID_SOCIAL),
        (Campaign(), "dclid", "news.example", Channel.DISPLAY),
        # Meta's is on every link that leaves it
        (Campaign(), "fbclid", "", Channel.ORGANIC_SOCIAL),
        (Campaign(), "fbclid", "l.facebook.com", Channel.ORGANIC_SOCIAL),
        (Campaign("facebook", "paid"), "fbclid", "", Channel.PAID_SOCIAL),
        (Campaign("spring", "cpc"), "gclid", "", Channel.PAID_SEARCH),
        (Campaign(), "mc_eid", "", Channel.EMAIL),
        (Campaign(), "irclickid", "blog.example.org", Channel.AFFILIATES),
        (Campaign(), "ysclid", "ya.ru", Channel.ORGANIC_SEARCH),
        # what a marketer wrote comes before both
        (Campaign("crm", "email"), "gclid", "www.google.com", Channel.EMAIL),
        # whom he did not name, the link does
        (Campaign("spring", "cpc"), None, "www.baidu.com", Channel.PAID_SEARCH),
        (Campaign("spring", ""), None, "www.zhihu.com", Channel.ORGANIC_SOCIAL),
        (Campaign("spring", ""), None, "blog.example.org", Channel.UNASSIGNED),
        (Campaign("", "", "spring"), None, "blog.example.org", Channel.REFERRAL),
    ],
)
def test_what_comes_first(campaign, click, host, channel):
    assert channel_of(campaign, CLICKS[click] if click else None, host) == channel


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_a_channel_but_the_one_that_is_none(kind):
    assert (kind in FREE) is (kind is not Kind.OTHER)
    assert set(PAID) <= set(FREE)


@pytest.mark.parametrize("words", [HOSTS, NAMES, MEDIA])
def test_nothing_stands_in_two_groups(words):
    all_of_them = [word.lower() for group in words.values() for word in group.split()]

    assert sorted(all_of_them) == sorted(set(all_of_them))


def test_hosts_are_written_as_they_are_compared():
    hosts = [host for group in HOSTS.values() for host in group.split()]

    assert [host for host in hosts if host != host.lower() or "/" in host or "." not in host] == []
    assert [name for name in (*BRANDS, *CLICKS) if name != name.lower()] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", None),
        (".", None),
        ("...", None),
        ("_", None),
        ("-google", None),
        ("Facebook-Ads", Kind.SOCIAL),
        ("微信 服务号", Kind.SOCIAL),
        ("m.weibo.cn", Kind.SOCIAL),
        ("fb_x", None),
    ],
)
def test_a_source_is_spelt_in_many_ways(name, kind):
    assert kind_of_name(name) == kind


@pytest.mark.parametrize("host", ["", ".", "com", "google", "a." * 100 + "google.com", "google.co.uk.de"])
def test_a_host_may_be_anything(host):
    assert kind_of_host(host) is None
