"""Data: words that say nothing about what somebody talks about, and words that turn it round."""

from __future__ import annotations

_ENGLISH = """
a an the is are was were be been being am to of in on at for and or but with my me i you your it its this that these those we our us
they them their he she his her do does did done has have had having will would could should shall may might can so very really just
please when while after before from as by if then than also get got gets too there here what which who how why where any some all every
each about into out up down over again still even only let lets lot much many more most im ive id youre were theres thats whats since
because though although however hi hello hey dear thanks thank
"""
_CHINESE = """
的 了 是 我 你 您 他 她 它 们 在 有 就 都 也 很 太 啊 吧 吗 呢 呀 哦 嘛 哈 这 那 个 一 和 与 及 请 想 要 给 把 被 让 到 上 下 里 中 会 能
地 得 着 过 去 来 又 还 再 才 对 从 向 为 以 于 用 说 看 做 我们 你们 他们 她们 它们 这个 那个 一个 一下 一些 这些 那些 这样 那样 怎么 怎样
如何 什么 为什么 可以 能否 是否 希望 请问 已经 现在 然后 但是 可是 因为 所以 如果 还是 就是 不是 觉得 感觉 有点 时候 每次 非常 真的 真 比较
谢谢 你好 您好 麻烦 大家 咱们 自己 一直 总是 而且 并且 或者 以及 虽然 不过 只是 没有 不 没 无 未 别 时
"""
DETERMINERS = frozenset({"a", "an", "the", "my", "your", "our", "their", "his", "her", "its", "this", "that"})
ENGLISH = frozenset(_ENGLISH.split())
CHINESE = frozenset(_CHINESE.split())

ASKING = ("能不能", "可不可以", "是不是", "会不会", "要不要", "有没有", "行不行", "好不好", "该不该", "想不想")
"""Ways to ask whether: nothing that anybody talks about."""
_HARMLESS = """
可否 不错 不好意思 差不多 不同 不仅 不但 不过 不断 不管 不论 对不起 只不过 特别 分别 区别 级别 类别 别人 别的 别墅 识别 性别 个别 告别 无论
无线 未来 无忧 无意
"""
HARMLESS = (*ASKING, *_HARMLESS.split())
"""Words with a denial in them that deny nothing."""
_DENYING = "not no never none cannot without unable nothing neither nor hardly cant dont doesnt wont isnt"
DENYING_ENGLISH = frozenset(_DENYING.split())
DENYING_CHINESE = frozenset("不没无未别勿非")
