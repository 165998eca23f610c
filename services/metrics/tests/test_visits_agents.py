"""What user agents say: browser, system, device, bots; Chinese apps as well as others, and whatever strangers send."""
# ruff: noqa: E501 (user agents are as long as they are)

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsloop_metrics.visits.agents import MAX_USER_AGENT, REMEMBERED, Agent, _read, agent_of

KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = f"Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1.230804.001; wv) {KHTML} Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36"
ANDROID_ZH = f"Mozilla/5.0 (Linux; U; Android 12; zh-CN; M2102K1C Build/SKQ1) {KHTML} Version/4.0 Chrome/100.0.4896.58"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
IPAD = "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/141.0.0.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "browser", "version", "os", "device"),
    [
        (WINDOWS, "Chrome", "141.0", "Windows", "desktop"),
        (f"{WINDOWS} Edg/141.0.0.0", "Edge", "141.0", "Windows", "desktop"),
        (f"{WINDOWS} OPR/120.0.0.0", "Opera", "120.0", "Windows", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "Firefox", "144.0", "Linux", "desktop"),
        (f"{MAC} Version/17.4 Safari/605.1.15", "Safari", "17.4", "macOS", "desktop"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KHTML} Chrome/131.0.0.0 Safari/537.36", "Chrome", "131.0", "Chrome OS", "desktop"),
        (f"{IPHONE} Version/17.5 Mobile/15E148 Safari/604.1", "Mobile Safari", "17.5", "iOS", "mobile"),
        (f"{IPHONE} CriOS/125.0.6422.51 Mobile/15E148 Safari/604.1", "Chrome Mobile iOS", "125.0", "iOS", "mobile"),
        (f"{IPAD} Version/16.6 Mobile/15E148 Safari/604.1", "Mobile Safari", "16.6", "iOS", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {KHTML} Chrome/131.0.0.0 Mobile Safari/537.36", "Chrome Mobile", "131.0", "Android", "mobile"),
        (f"Mozilla/5.0 (Linux; Android 13; SM-X700) {KHTML} Chrome/120.0.0.0 Safari/537.36", "Chrome", "120.0", "Android", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 9; KFMAWI) {KHTML} Silk/108.4.6 like Chrome/108.0.5359.220 Safari/537.36", "Amazon Silk", "108.4", "Android", "tablet"),
        (f"Mozilla/5.0 (Linux; Android 13; SAMSUNG SM-S918B) {KHTML} SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36", "Samsung Internet", "23.0", "Android", "mobile"),
        # a build of Android 15 on phones of several makers, which the list of crawlers names
        (f"Mozilla/5.0 (Linux; Android 15; CPH2581 Build/AP3A.240617.008; ) {KHTML} Version/4.0 Chrome/141.0.7390.122 Mobile Safari/537.36", "Chrome Mobile WebView", "141.0", "Android", "mobile"),
        (f"Mozilla/5.0 (Linux; Android 8.1.0; CUBOT J3 PRO) {KHTML} Chrome/91.0.4472.120 Mobile Safari/537.36", "Chrome Mobile", "91.0", "Android", "mobile"),
        ("Mozilla/5 (iPhone; CPU iPhone OS 17 like Mac OS X) AppleWebKit/605 (KHTML, like Gecko) Mobile/24A446 Safari/604 [FBAN/WhatsAppSMBIPhone]", None, None, "iOS", "mobile"),
        # televisions and consoles
        ("AppleTV11,1/11.1", "", "", "tvOS", "tv"),
        (f"Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) {KHTML} 76.0.3809.146/6.0 TV Safari/537.36", None, None, "Tizen", "tv"),
        (f"Mozilla/5.0 (Web0S; Linux/SmartTV) {KHTML} Chrome/79.0.3945.79 Safari/537.36 WebAppManager", "Chrome", "79.0", "webOS", "tv"),
        (f"Mozilla/5.0 (Linux; Android 9; MiTV-MOOQ1 Build/PI) {KHTML} Chrome/90.0.4430.82 Safari/537.36", "Chrome", "90.0", "Android", "tv"),
        ("Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.0 Safari/605.1.15", None, None, "PlayStation", "console"),
        ("Mozilla/5.0 (Nintendo Switch; WebApplet) AppleWebKit/606.4 (KHTML, like Gecko) NF/6.0.1.15.4 NintendoBrowser/5.1.0.20393", None, None, "Nintendo", "console"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) {KHTML} Chrome/51.0.2704.79 Safari/537.36 Edge/14.14393", "Edge", "14.14393", "Xbox", "console"),
        # China
        (f"{ANDROID} XWEB/1260117 MMWEBSDK/20240404 MicroMessenger/8.0.49.2600(0x28003133) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64", "WeChat", "8.0", "Android", "mobile"),
        (f"{IPHONE} Mobile/15E148 MicroMessenger/8.0.50(0x1800322f) NetType/WIFI Language/zh_CN", "WeChat", "8.0", "iOS", "mobile"),
        (f"{WINDOWS} NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf254071e)", "WeChat", "7.0", "Windows", "desktop"),
        (f"{WINDOWS} wxwork/4.1.22 MicroMessenger/7.0.1", "WeCom", "4.1", "Windows", "desktop"),
        (f"{ANDROID_ZH} UCBrowser/15.5.8.1229 Mobile Safari/537.36", "UC Browser", "15.5", "Android", "mobile"),
        (f"{ANDROID_ZH} MQQBrowser/14.4 Mobile Safari/537.36", "QQ Browser Mobile", "14.4", "Android", "mobile"),
        (f"{IPHONE} Mobile/15E148 QQ/8.9.80.611 V1_IPH_SQ_8.9.80_1_APP_A Pixel/1170", "QQ", "8.9", "iOS", "mobile"),
        (f"{ANDROID_ZH} Quark/6.9.6.471 Mobile Safari/537.36", "Quark", "6.9", "Android", "mobile"),
        (f"Mozilla/5.0 (Linux; Android 13; V2156A; wv) {KHTML} Version/4.0 Chrome/97.0.4692.98 Mobile Safari/537.36 T7/13.59 SP-engine/2.97.0 baiduboxapp/13.59.0.10 (Baidu; P1 13)", "Baidu", "13.59", "Android", "mobile"),
        (f"{IPHONE} Mobile/15E148 SP-engine/2.97.0 main%2F1.0 baiduboxapp/13.60.5.10 (Baidu; P2 17.5)", "Baidu", "13.60", "iOS", "mobile"),
        (f"Mozilla/5.0 (Phone; OpenHarmony 5.0) {KHTML} Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1 Mobile HuaweiBrowser/5.0.4.300", "Huawei Browser", "5.0", "HarmonyOS", "mobile"),
        (f"Mozilla/5.0 (Tablet; OpenHarmony 5.0) {KHTML} Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1", "ArkWeb", "4.1", "HarmonyOS", "tablet"),
        (f"Mozilla/5.0 (PC; OpenHarmony 5.0) {KHTML} Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1", "ArkWeb", "4.1", "HarmonyOS", "desktop"),
        (f"Mozilla/5.0 (Linux; Android 10; HarmonyOS; NOH-AN00; HMSCore 6.13.0.322) {KHTML} Chrome/99.0.4844.88 HuaweiBrowser/14.0.5.302 Mobile Safari/537.36", "Huawei Browser", "14.0", "HarmonyOS", "mobile"),
        (f"Mozilla/5.0 (Windows NT 10.0; WOW64) {KHTML} Chrome/86.0.4240.198 Safari/537.36 QIHU 360SE", "360", "", "Windows", "desktop"),
        (f"Mozilla/5.0 (Windows NT 10.0; WOW64) {KHTML} Chrome/80.0.3987.87 Safari/537.36 SE 2.X MetaSr 1.0", "Sogou Explorer", None, "Windows", "desktop"),
        (f"{ANDROID} AWP/2.0 SogouMSE,SogouMobileBrowser/5.30.8", None, None, "Android", "mobile"),
        (f"{ANDROID_ZH} Mobile Safari/537.36 XiaoMi/MiuiBrowser/18.2.150419", "MiuiBrowser", "18.2", "Android", "mobile"),
        (f"{ANDROID} aweme_270900 JsSdk/1.0 NetType/WIFI  AppName/aweme app_version/27.9.0 ByteLocale/zh-CN Region/CN", "Douyin", "27.9", "Android", "mobile"),
        (f"{IPHONE} Mobile/15E148 Weibo (iPhone13,2__weibo__13.6.1__iphone__os17.5)", "Weibo", "13.6", "iOS", "mobile"),
        (f"{ANDROID} xiaohongshu", "Xiaohongshu", "", "Android", "mobile"),
        (f"{IPHONE} Mobile/21B74 AliApp(DingTalk/7.5.0) com.laiwang.DingTalk/34083083 language/zh-Hans-CN", "DingTalk", "7.5", "iOS", "mobile"),
        (f"{ANDROID_ZH} UWS/3.22.2.59 Mobile Safari/537.36 UCBS/3.22 Nebula AliApp(AP/10.5.36.8100) AlipayClient/10.5.36.8100 Language/zh-Hans", "Alipay", "10.5", "Android", "mobile"),
        (f"{ANDROID} AliApp(TB/10.30.10) WindVane/8.5.0", "Taobao", "10.30", "Android", "mobile"),
        (f"{IPHONE} Mobile/15E148 Lark/7.20.5 LarkLocale/zh_CN", "Feishu", "7.20", "iOS", "mobile"),
        # apps and servers
        ("Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A.230805.001)", "Android", None, "Android", "mobile"),
        ("Example/3.4 (Android 13; Pixel 7)", None, None, "Android", "mobile"),
        ("Example/1.0 CFNetwork/1490.0.4 Darwin/23.2.0", "Example", "1.0", "iOS", "mobile"),
        ("python-requests/2.32.3", "Python Requests", "2.32", "", ""),
        ("curl/8.5.0", "curl", "8.5", "", ""),
        ("okhttp/4.12.0", "okhttp", "4.12", "", ""),
        ("Go-http-client/2.0", "Go-http-client", "2.0", "", ""),
        ("axios/1.7.2", None, None, "", ""),
        ("analytics-python/2.3.2", None, None, "", ""),
        ("posthog-android/3.4.0", None, None, None, None),
        ("你好", "", "", "", ""),
    ],
)  # fmt: skip
def test_what_people_and_their_programs_say(user_agent, browser, version, os, device):
    said = agent_of(user_agent)

    assert not said.is_bot
    for found, expected in zip(said, (browser, version, os, device), strict=False):
        assert expected is None or found == expected  # None: the library may name it better some day


@pytest.mark.parametrize(
    "user_agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {KHTML} Chrome/41.0.2272.96 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)",
        "Mozilla/5.0 (compatible; YisouSpider/5.0; +http://www.yisou.com/help/webmaster/spider_guide.html)",
        "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)",
        "Mozilla/5.0 (compatible; 360Spider; http://www.so.com/help/help_3_2.html)",
        f"Mozilla/5.0 {KHTML}; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "Mozilla/5.0 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
        "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)",
        f"Mozilla/5.0 (X11; Linux x86_64) {KHTML} HeadlessChrome/120.0.0.0 Safari/537.36",
        f"{MAC} PhantomJS/2.1.1 Safari/538.1",
        f"{WINDOWS} Chrome-Lighthouse",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0",
        "Twitterbot/1.0",
        "Mozilla/5.0 (compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        "Mozilla/5.0 (compatible; NobodyKnowsBot/0.1)",
        "Nobody/1.0 (+https://nobody.example/about)",
        "",
        "   ",
    ],
)
def test_programs_that_look_at_pages_are_bots(user_agent):
    said = agent_of(user_agent)

    assert said.is_bot
    assert said.device == "bot"


def test_of_a_client_without_a_user_agent_nothing_is_known():
    assert agent_of(None) == Agent()


def test_what_is_read_ends_at_a_thousand_characters():
    assert agent_of("x" * MAX_USER_AGENT + "Googlebot/2.1") == agent_of("x" * MAX_USER_AGENT)
    assert _read.cache_info().maxsize == REMEMBERED


@given(st.text(max_size=2_000))
def test_no_text_is_too_much(user_agent):
    said = agent_of(user_agent)

    assert said.device in {"", "desktop", "mobile", "tablet", "tv", "console", "bot"}
    assert said.is_bot is (said.device == "bot")


@pytest.mark.measured
@pytest.mark.parametrize(
    "text",
    [
        "a" * 8_000, "1" * 8_000, " " * 8_000, ";" * 8_000, "中" * 8_000, "Mozilla/5.0 (" * 600, "Linux; Android 9; " * 500,
        "Chrome/1." * 900, "Version/" + "1." * 4_000, "https://" + "a." * 4_000, "AppName/aweme app_version/1" * 300,
        "compatible; " * 700, "KFAAAA" * 1_300, "Sogou" * 1_600, "Mozilla/5.0 (Linux; Android 9;" + " x" * 4_000 + " Build",
        "".join(random.Random(7).choices(string.printable, k=8_000)),
    ],
)  # fmt: skip
def test_no_text_is_slow(text):
    agent_of("x")  # what is loaded at first use

    def seconds():
        start = time.thread_time()
        _read.__wrapped__(text[:MAX_USER_AGENT])
        return time.thread_time() - start

    assert min(seconds() for _ in range(5)) < 0.002  # seconds; 0.4 ms at most where it was measured
