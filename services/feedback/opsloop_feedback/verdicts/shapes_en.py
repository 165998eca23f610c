"""Shapes of English texts: what it tells of, how strongly, and the pattern over folded text; a line that is indented goes on."""

from __future__ import annotations

PARTS = {
    "START": r"(?:^|[.!?;:\n)\]*-]\s*)",
    "DO": (
        r"(?:add|allow|enable|implement|introduce|include|support|provide|integrate|extend|expose|offer|bring back"
        r"|get back|give (?:us|me|users)|let (?:us|me|users|people)|make (?:it|the|this|these|your|all|a|an"
        r"|[a-z]+ [a-z]+able)|put (?:a|an|the|back)|show (?:a|the|an)|change (?:the|it)|remove (?:the|this|that)"
        r"|improve (?:the)?|create (?:a|an)|replace (?:the)?|consider|use (?:a|an|the))"
    ),
    "TIDY": r"(?:really |very |so |even |much |also |a lot |super |extremely |just |definitely )?",
    "NEGATED": r"(?:ca|could|do|does|did|wo|would|is|are|was|were|has|have|had)n'?t",
    "MOVED": (
        r"(?:payments?|transactions?|charges?|withdrawals?|debits?|purchases?|transfers?|deposits?|top[- ]?ups?"
        r"|refunds?)"
    ),
    "HELD": r"(?:money|funds|balance|cash|deposits?|transfers?|payments?|refunds?|top[- ]?ups?)",
    "EN": r"[^.!?\n]",
    "PART": (
        r"(?:buttons?|pages?|lists?|screens?|menus?|icons?|filters?|search|login|maps?|videos?|sound|photos?|pictures?|images?"
        r"|notifications?|reminders?|calendar|attachments?|uploads?|downloads?|exports?|imports?|sync|keyboard|cursor|rows?|columns?"
        r"|charts?|widgets?|theme|fonts?|links?|timer|player|editor|form|reports?|subtitles?|messages?|tabs?|window|scroll(?:ing|s)?"
        r"|settings?|profile|avatar|camera|password|code|clock|progress|text|view|app|version)"
    ),
}
"""What stands in angle brackets in a shape."""

SHAPES = r"""
wish 2.0 <START>(?:please |pls |plz |just |also |or |and |maybe |kindly |then )*<DO>\b
wish 2.2 \b(?:please|pls|plz|kindly) (?:just |also |do |at least )?<DO>\b
wish 1.6 \bshould (?:be|have|also|add|support|allow|let|provide|offer|include|show|at least|come with|give)\b
wish 1.9 \b(?:must|should|need to|have to|ought to) be (?:able|possible|allowed|optional|configurable)\b
wish 1.9 \b(?:just|only|still|really) (?:needs?|missing|lacks?) (?:an?|the|some|more|better)\b
wish 1.7 \b(?:needs?|need to have|must have|could use) (?:to (?:be|have|add|support|allow|include|implement|provide)|an? |more[ ]
    |better|some |the ability|support|improvement)
wish 1.9 \b(?:no|not an?|lacks?(?: an?| the)?|without an?|missing(?: an?| the)?) (?:[a-z]+ )?(?:option|way|setting|ability
    |possibility|support|feature|filter|function|functionality|shortcut) ?(?:to|for|of|in|\.|,|$)
wish 2.2 (?:would|'d|might|could|will) be <TIDY>(?:nice|great|good|awesome|helpful|useful|cool|better|perfect|amazing|lovely|neat
    |handy|ideal|easier|best|fantastic|appreciated|wonderful|nicer|excellent|brilliant|beneficial)
wish 2.0 \b(?:would|'d) <TIDY>(?:like|love|prefer|appreciate|want|welcome) (?:to (?:see|have|be able|get|use)|an?\b|the\b|if\b|it if
    |some|more|support)
wish 2.0 \b(?:want|need|like|love|have|give us|give me) (?:the|an?) (?:ability|option|possibility|way|setting) (?:to|for|of)
wish 1.5 \bif (?:only )?(?:you|it|there|we|i|one|users|this|the app) (?:could|can|had|would|was|were)\b
wish 1.6 \b(?:all it needs|only thing (?:missing|i|it|that)|what(?:'s| is) missing|i miss the|bring back|how about|any (?:chance
    |plans?) (?:of|for|to|you))\b
wish 2.2 \bwhy (?:not (?:[a-z]+ )|(?:can't|don't) (?:you|we) )
wish 1.4 \bwould (?:fix|solve|help|save|improve|make (?:it|this|my|our|life))\b
wish 2.4 \b(?:feature[- ]request|enhancement|describe the solution you|alternatives you've considered|use case)\b|\bfeat[:(]
wish 2.2 \b(?:could|can|would|will) (?:you|we|it|there|someone|this|the app) (?:please |also |maybe |perhaps |kindly |guys[ ]
    |pls )*(?:add|make|allow|support|have|include|provide|implement|enable|get|bring|consider|create|be (?:an?|made|added|possible
    |extended))\b
wish 1.0 \b(?:more (?:options?|features|customi[sz]ation|control|themes|languages|settings)|so that (?:we|i|users|it)
    |allow(?:ing)? users)\b
failure 1.3 \b<NEGATED> (?:even |seem to |always |let (?:me|us) |allow (?:me|us) to |actually )?[a-z]+
failure 1.3 \b(?:do|does|did|will|would|is|are|was|has|have|can|could)(?: not|not) (?:even |seem to |let me |allow me to )?[a-z]+
failure 1.6 \bno longer [a-z]+
failure 1.6 \b(?:keeps?|kept|stopped|stops|randomly|suddenly|constantly) (?:on )?[a-z]+(?:ing|s)\b
failure 1.5 \b(?:does|do|did) nothing\b|\b(?:goes|went|turns|turned|stays|remains) (?:black|blank|white|backwards|missing|gr[ae]y
    |silent|empty)\b
failure 1.4 \b(?:is|are|was|were|comes? out) (?:wrong|off|blank|empty|missing|garbled|upside down|cut off|out of order|gr[ae]yed out
    |reversed|invisible|unreadable|mirrored|shifted|unaligned|rotated)\b
failure 1.4 \bwithout (?:any )?(?:sound|audio|picture|images|warning|reason)\b|\bstops? (?:when|after|at|if|as soon)\b|\bstuck (?:at
    |on|in)\b
failure 1.1 \binstead of (?:the|a|an|my|[a-z]+s)\b|\b(?:until|unless|before) i (?:restart|reload|refresh|reinstall|log (?:out|in))
    |\bafter a
    (?: re(?:load|start|boot|fresh))|\bis back (?:after|again)
failure 1.2 \b(?:arrives?|arrived|sent|shown|shows?|plays?|appears?|posted|saved) (?:two|three|four|several|many|multiple) times\b
failure 1.1 \bignores (?:anything|everything|my|the|all|what|case)\b|\bdrain(?:s|ed|ing)? (?:my |the |your |our )?(?:phone[ ]
    |phone's )?battery
failure 1.6 \b(?:refuses? to|fails? to|failed to|unable to|not able to|impossible to|nothing happens|not possible to)\b
failure 1.3 \b(?:jump(?:s|ed)?|revert(?:s|ed)?|resets?) (?:back |itself )?(?:to|on|every|after|when|each)\b
failure 1.3 \b(?:goes|went|jumps?|returns?|(?:sends?|takes?|throws?|kicks?|logs?) (?:me|us)) (?:back to|out|off)\b
failure 1.4 \b(?:wrong|incorrect|invalid|garbled|broken|corrupt(?:ed)?|blank|empty) (?:[a-z]+)
failure 1.1 \bonly (?:shows?|works?|loads?|displays?|plays?)\b
failure 2.0 \b(?:exception|traceback|stack ?trace|regression|undefined|error code|null ?pointer|core dump(?:ed)?)\b
failure 2.2 \b(?:steps? to reproduce|to reproduce|reproducible|expected behaviou?r|actual behaviou?r|describe the bug|bug report
    |expected result)\b
failure 0.7 \b<PART>\b<EN>{0,60}?\b(?:every time|whenever|when (?:i|you|the|we)|as soon as|again|still|always|sometimes|until|before i
    |twice|late|behind|upside|old|backwards|covers?|jumps?|another|yesterday's|half|over and over|loses?|forgets?|changes? (?:by|to)
    |leaves|puts|says|never|disappears?|anymore|any more)\b
failure 0.7 \b(?:every time|whenever|when|as soon as|since|after|once)\b<EN>{0,40}?\b<PART>\b<EN>{0,40}?\b(?:is|are|goes?|stays?
    |shows?|turns?
    |gets?|has|comes?|loses?|says?|covers?|jumps?|stops?)\b
failure 0.6 \b(?:since|after|with) (?:the |this |your |last |latest |recent |new |most )*(?:update|upgrade|version|release)\b
supposes 0.0 \b(?:what|how)\b<EN>{0,40}?\b(?:if|in case)\b<EN>{0,60}\?
asks 0.9 <START>(?:(?:hi|hello|hey|so|and|but|please|also)[ ,]+)*(?:how|what|what's|where|where's|when|who|which|why|is|are|can|could
    |do|does|did|will|would|may|should|am|has|have|any(?:one|body)|question)[ ]
payment_failed 3.0 \b<MOVED>\b<EN>{0,60}?\b(?:don'?t|do not|didn'?t|did not|never|not|wasn'?t|haven'?t|have not) (?:recogni[sz]e
    |remember|making|make|made|authori[sz]e|approved?|initiated?|done|do|mine|me|by me)\b
payment_failed 3.0 \b(?:don'?t|do not|didn'?t|did not|never|haven'?t) (?:recogni[sz]e|remember|made?|making|authori[sz]ed?|approved?
    |initiated?|set up)<EN>{0,40}?\b<MOVED>\b
payment_failed 3.0 \b(?:strange|unknown|unfamiliar|weird|suspicious|unexpected|unauthori[sz]ed|unrecogni[sz]ed|fraudulent|mystery
    |odd) (?:[a-z]+ )?(?:<MOVED>|activity|payment)\b
payment_failed 3.0 \b(?:<MOVED>|card)\b<EN>{0,40}?\b(?:declin(?:ed|ing)|reject(?:ed|ing)|refused|denied|bounced)\b
payment_failed 3.0 \b<MOVED>\b<EN>{0,40}?\b(?:fail(?:ed|s|ing)?|reverted|returned|(?:not|n'?t) (?:go|going|gone|been|being|working
    |work|accepted|complete|completed)(?: through| accepted| completed)?)\b
payment_failed 3.0 \b(?:declin(?:e|es|ed|ing)|reject(?:s|ed|ing)|refus(?:es|ed|ing)|denied)<EN>{0,30}?\b(?:<MOVED>|card|money
    |withdraw)\b
payment_failed 3.0 \b(?:charged?|charging|billed|debited|paid|pay|deducted|taken)<EN>{0,40}?\b(?:twice|two times|double
    |multiple times|more than once|2 times|2x|duplicated?)\b
payment_failed 3.0 \b(?:twice|double|doubled?|duplicated?|two|second)\b<EN>{0,20}?\b(?:charge[ds]?|payments?|transactions?|debits?
    |billing|billed)\b
payment_failed 3.0 \b(?:wrong|incorrect|different|lesser|less|not the (?:right|correct|full)|smaller)(?: [a-z]+){0,2} (?:amount|cash
    |money|balance|sum)\b
payment_failed 3.0 \bonly (?:got|received|gave|gives?|giving|dispensed|came out|getting|paid out)<EN>{0,20}?(?:[$€£¥]|\d)
payment_failed 3.0 \b(?:atm|machine|asked for|requested|withdrew|tried to (?:withdraw|get|take))<EN>{0,50}?\b(?:less|not all|wrong
    |only|different|didn'?t (?:give|get)|not (?:give|get|receive))\b
payment_failed 3.0 \b<HELD>\b<EN>{0,40}?\b(?:missing|gone|vanished|disappeared|lost|(?:not|n'?t|never) (?:been |yet |even[ ]
    |actually )?(?:arrived?|show(?:ed|n|ing)?|received?|there|credited|in my|appear(?:ed)?|updated?|reach(?:ed)?|come|came|gone))\b
payment_failed 3.0 \b(?:missing|lost|(?:not|n'?t|never) (?:received?|gotten|get|got|seen?|see)) (?:my |any |the |of[ ]
    |some )*(?:<HELD>|[$€£¥])
payment_failed 3.0 \b<MOVED>\b<EN>{0,20}?\b(?:was|were|is|been|got|being|seems?(?: to be)?|get|gets) (?:just |now[ ]
    |again )?(?:cancell?ed|reversed
    |revoked|reverted|undone|unsuccessful|blocked|not successful)\b|\breverted (?:my|the) <MOVED>
payment_failed 3.0 \b(?:sent|transferr?ed|deposited|paid|topped up|wired)\b[^?!\n]{0,60}?\b(?:has|have|had|did|does|is)(?:n'?t
    | not)(?: yet| been)?
    (?: received?| gotten| got| get| arrived?| show| shown| appear| appeared| there| updated?)\b
security 3.0 \b(?:stolen?|stole|steal|theft|robbed|mugged|hacked|hijacked|compromised|cloned|skimmed)\b<EN>{0,40}?\b(?:cards?
    |account|wallet|phone|money|details|identity|password|credentials)\b
security 3.0 \b(?:cards?|account|wallet|money|details|password|identity|credentials|purse)\b<EN>{0,40}?\b(?:stolen|stole|hacked
    |hijacked|compromised|robbed|cloned|fraud|fraudulent|being used)\b
security 3.0 \b(?:someone|somebody|some one|a stranger|another person|thief|scammer)\b<EN>{0,30}?\b(?:use[ds]?|using|has|have|got
    |stole|accessed|made|withdrew|took|taken|taking|spent|logged)\b<EN>{0,30}?\b(?:my|card|account|money)\b
security 3.0 \bwithout my (?:permission|consent|authori[sz]ation|knowledge|approval)\b|\b(?:lost|misplaced|losing|lose) (?:my |the[ ]
    |a )?(?:bank |credit |debit )?cards?\b|\bcard (?:is|was|got|has been|went) (?:lost|missing)\b
gripe 1.5 \b(?:nobody|no one|noone) (?:asked|apologi[sz]ed|cares?|listens?|helps?|helped|answers?|answered|replie[sd]|responds?
    |responded)\b
gripe 1.3 \bused to be (?:so |such a |a |very |really )?(?:good|great|better|nice|fun|free|fast|cheaper|the best|my favou?rite)
gripe 1.2 \b(?:price|prices|cost|costs|fee|fees) (?:went|go|goes|keep going|have gone) up\b|\bonly (?:care|want|wants|cares|about)
    (?: about)? (?:your )?money\b|\ball about (?:the )?(?:money|ads|upselling|profit)\b
gripe 1.2 \b(?:took|takes|waited|waiting|waits?) (?:more than |over |almost |about )?(?:\d+|two|three|four|five|six|several|many|forty
    |thirty)
    (?: minutes| hours| days| weeks| months)\b
gripe 1.4 \b(?:do not|don't|never|wouldn't|would not|can't|cannot) (?:recommend|buy|download|install|use|waste|bother)\b
    |\bnot (?:worth|okay|ok
    |acceptable|recommended|impressed|happy|satisfied)\b|\bmoney back\b|\bstay away\b|\bmore clicks\b|\bwant my money
cheer 1.4 \b(?:a joy|a pleasure) to\b|\bjust works\b|\bdoes (?:exactly )?what it\b|\b(?:gets?|does) the job\b|\bkeep (?:it |them )?up\b
    |\bworth every\b|\bworks (?:like a charm|perfectly|flawlessly|as (?:expected|advertised|promised))\b
cheer 1.4 \bsaves? (?:me |us |my team |our team |you )?(?:so much |a lot of |lots of |a ton of |hours of |much )?(?:time|hours|money
    |effort|work)\b
cheer 1.6 \b(?:can't|cannot|couldn't|can not) (?:live|imagine|work|do|recommend|praise|fault)\b<EN>{0,24}?\b(?:without|enough|it)\b
cheer 1.4 \b(?:could|can)(?: not|n't|not) be (?:happier|better|more|easier)\b|\bno (?:ads|bugs|nonsense|complaints|problems)\b
    |\bnothing to
    (?: complain| criticise| criticize)\b|\bnot get in the way\b
cheer 1.6 \b(?:has |have |had )?never (?:let me down|lets me down|lets us down|failed me|fails me|had (?:a|any|one) (?:problem|issue
    |bug|crash))
"""
