"""English words of feedback. `word+` stands for the verb and its regular forms."""

from __future__ import annotations

from opsloop_feedback.triage.lexicon import Group, Tag

GROUPS: tuple[Group, ...] = (
    # phrases that would be misread word by word
    Group(
        """
        crash report,crash reports,crash reporting,crash logs,error message,error messages,error handling,error code,not only
        no wonder,no doubt,not to mention,can't wait,cannot wait,can't live without,like to,would like,i'd like,we'd like,looks like
        feels like,seems like,something like,things like,like this,like that,just like,kind of,well as,as well,pretty much,right now
        dark mode,free text,hard drive,hard disk,bad request,free trial,bug report,bug reports,crash course,crash courses,crash test
        crash tests,crash diet,crash landing,crash pad,crash barrier,bug spray,bug bounty,brain freeze,freeze frame,deep freeze
        freeze dried,slow cooker,slow motion,slow food,error bars,fail safe
        """
    ),
    Group("no problem,no problems,no issue,no issues,no bugs,no complaints,no complaint,can't complain", 1.3),
    Group("cannot complain,never let me down,not bad,not bad at all,works fine,works well,no longer an issue", 1.3),
    # severity 1: it is down, data or money is gone, somebody is exposed
    Group("crash+,force close,force closes,force closed,force-closes,keeps closing", -2.6, Tag.DEFECT | Tag.CRASH),
    Group("closes itself,closes by itself,shuts down by itself,segfault,segfaults", -2.6, Tag.DEFECT | Tag.CRASH),
    Group("kernel panic,blue screen", -2.6, Tag.DEFECT | Tag.CRASH),
    Group("outage,outages,is down,are down,went down,site down,server down", -2.4, Tag.DEFECT | Tag.CRASH),
    Group("completely down,service unavailable,been down,data center down", -2.4, Tag.DEFECT | Tag.CRASH),
    Group(
        """
        charged twice,double charged,double-charged,double charge,charged me twice,charged us twice,charged two times
        charged three times,charged again,overcharged,overcharge,overcharging,wrong amount,billed twice,billed me twice,double billing
        double billed,duplicate charge,duplicate charges,duplicate payment,duplicate payments,unauthorized charge,unauthorized charges
        unauthorised charge,fraudulent charge,took my money,taken my money,stole my money,money is gone,money disappeared
        money deducted,amount deducted,deducted twice,charged but,paid but,never refunded,payment declined,payment failed
        payment fails,payment failure,payment failures,payment error,payments failing,payments fail,failed payment,failed payments
        can't pay,cannot pay,can not pay,unable to pay,can't check out,cannot check out,can't checkout,cannot checkout
        unable to checkout,unable to check out,couldn't pay,could not pay
        """,
        -2.6,
        Tag.DEFECT | Tag.MONEY,
    ),
    Group(
        """
        data loss,lost data,lost my data,lost all my data,lost all data,lost our data,lost all our data,lost everything,lost all my
        lost all our,lost my work,lost hours of work,lost my files,lost my progress,data corruption,corrupted data,corrupted file
        corrupted files,corrupt file,wiped,wiped out,data is gone,data was gone,data gone,data disappeared,data missing,data vanished
        data was deleted,deleted my data,deleted all my,erased all,erased my,everything is gone,everything was gone,all gone
        files are gone,photos are gone,data was lost,data got lost,data is lost
        """,
        -2.6,
        Tag.DEFECT | Tag.LOSS,
    ),
    Group(
        """
        data breach,breach,breached,leaked,leak personal,leaks personal,data leak,hacked,got hacked,security hole,security issue
        security vulnerability,vulnerability,vulnerabilities,exploit,account stolen,stolen account,account was stolen
        other people's data,other user's data,other users' data,someone else's,somebody else's,another user's,another customer's,xss
        sql injection,phishing,malware,privacy violation,exposed
        """,
        -2.4,
        Tag.DEFECT | Tag.EXPOSED,
    ),
    # severity 2: somebody cannot go on
    Group(
        """
        unusable,not usable,can't use,cannot use,can not use,unable to use,can't open,cannot open,won't open,doesn't open
        does not open,won't start,doesn't start,does not start,won't launch,won't load,doesn't load,does not load,never loads
        not loading,isn't loading,stuck on loading,stuck loading,endless loading,infinite loading,loads forever,loading forever
        freeze+,froze,frozen,hangs,hang,hanging,hung,unresponsive,not responding,stops responding,stopped responding,black screen
        blank screen,blank page,white screen,white page,can't log in,can't login,cannot log in,cannot login,can not log in
        can not login,unable to log in,unable to login,can't sign in,cannot sign in,unable to sign in,won't let me log in
        won't let me sign in,login fails,login failed,login failure,login broken,login error,couldn't log in,could not log in
        locked out,locked me out,can't register,cannot register,can't sign up,cannot sign up,unable to sign up,can't install
        cannot install,won't install,can't update,can't access,cannot access,unable to access,can't save,cannot save,won't save
        doesn't save,does not save,can't submit,cannot submit,unable to submit,can't upload,cannot upload,upload fails,can't send
        cannot send,won't send,won't sync,can't sync,doesn't sync,stopped working,stops working,stopped working completely
        nothing works,completely broken,totally broken,blocker,showstopper
        """,
        -2.0,
        Tag.DEFECT | Tag.BLOCKED,
    ),
    Group("log in,login,logging in,sign in,signin,signing in,sign up,signup,register,authentication", 0, Tag.SIGN_IN),
    Group("password reset,sso,two factor,2fa,otp", 0, Tag.SIGN_IN),
    Group("pay,pays,paying,payment,payments,paid,checkout,check out,checking out,charge,charges", 0, Tag.PAYMENT),
    Group("charged,billing,billed,invoice,purchase,purchases,purchasing,credit card,refund,refunds", 0, Tag.PAYMENT),
    Group("transaction,transactions,transfer,top up,top-up,paypal,alipay,stripe,order payment", 0, Tag.PAYMENT),
    Group(
        "money,balance,dollar,dollars,euro,euros,pound,pounds,yuan,rmb,usd,eur,gbp,cny,bucks,$,€,£,¥",
        0,
        Tag.PAYMENT | Tag.AMOUNT,
    ),
    Group("don't recognise,don't recognize,do not recognise,do not recognize,not recognised", 0, Tag.UNKNOWN),
    Group("not recognized,unrecognised,unrecognized,unknown,strange,suspicious,unauthorised", 0, Tag.UNKNOWN),
    Group("unauthorized,didn't make,did not make,never made", 0, Tag.UNKNOWN),
    Group("other people's,other person's,another person's,other users',other user's,other customers'", 0, Tag.OTHERS),
    Group("other customer's,a stranger's,strangers',somebody's,of other people,of other users", 0, Tag.OTHERS),
    Group("of other customers,of somebody else,of a stranger,of strangers,from other customers", 0, Tag.OTHERS),
    Group("other people,other users,other customers,strangers,a stranger", 0, Tag.PEOPLE),
    Group("my,mine", 0, Tag.MINE),
    Group("see,sees,saw,shows,show,showed,showing,shown,displays,displayed,appear,appears,visible", 0, Tag.SEEN),
    Group(
        "address,addresses,order,orders,account,accounts,invoice,invoices,phone number,phone numbers,passwords",
        0,
        Tag.PERSONAL,
    ),
    Group("used to,previously,formerly,in the past,before,earlier,at first,initially,originally", 0, Tag.PAST),
    Group("was,were,had,kept,yesterday,last week,last month,last year,last version,old version", 0, Tag.PAST),
    Group("now,nowadays,these days,meanwhile,since the update,after the update,since then,ever since", 0, Tag.NOW),
    Group("data,file,files,photo,photos,document,documents,record,records,note,notes,draft,drafts", 0, Tag.DATA),
    Group("history,work,progress,messages,contacts,settings,backup", 0, Tag.DATA),
    Group("lost,missing,gone,disappeared,disappear,disappears,vanished,vanishes,vanish,deleted,erased", -1.2, Tag.GONE),
    Group("corrupted,corrupt", -1.2, Tag.GONE),
    # something does not work as it should
    Group(
        """
        fail+,failure,failures,error,errors,declined,reject+,doesn't work,does not work,don't work,do not work,didn't work
        did not work,not working,isn't working,aren't working,won't work,not work,never works,doesnt work,dont work,isnt working
        broken,breaks,broke,malfunction,malfunctions,malfunctioning,not possible to,stuck,time out,timeout,timeouts,times out
        timed out,timing out,disconnects,disconnected,disconnecting
        """,
        -1.4,
        Tag.DEFECT | Tag.FAILS,
    ),
    Group("cannot,can't,can not,cant,unable to,couldn't,could not,won't let,doesn't let,not able to", -0.7, Tag.FAILS),
    Group("impossible to,impossible", -0.7, Tag.FAILS),
    Group(
        """
        bug,bugs,buggy,glitch,glitches,glitchy,flicker+,garbled,misaligned,overlap,overlaps,overlapping,duplicated,duplicate
        out of sync,wrong result,wrong results,wrong number,wrong numbers,wrong data,incorrect,inaccurate,miscalculated,not showing
        doesn't show,does not show,not displayed,doesn't display,not visible,doesn't appear,not appearing,no sound,no notification
        no notifications,not receiving,didn't receive,never received,not received,logs me out,logged me out,logged out,kicks me out
        kicked out,memory leak,drains battery,battery drain,overheats,overheating,regression,exception,stack trace,500 error,404 error
        internal server error,defect,defective,something went wrong,misbehaves,unexpectedly
        """,
        -1.3,
        Tag.DEFECT,
    ),
    Group("slow,slower,slowly,laggy,lag,lags,lagging,sluggish,stutter,stutters,stuttering", -1.4, Tag.DEFECT),
    Group("takes forever,takes ages,choppy,unstable,janky", -1.4, Tag.DEFECT),
    Group("typo,typos,spelling,misspelled,color,colour,alignment,padding,margin,font,fonts,icon,icons", 0, Tag.TRIVIAL),
    Group("cosmetic,wording,pixel,minor,nitpick,small thing,tiny", 0, Tag.TRIVIAL),
    Group("all users,every user,everyone,everybody,all customers,every customer,all our customers", 0, Tag.EVERYBODY),
    Group("whole team,entire team,whole company,entire company,our customers,my team,nobody can", 0, Tag.EVERYBODY),
    Group("no one can", 0, Tag.EVERYBODY),
    Group("urgent,urgently,asap,as soon as possible,immediately,emergency,critical,production is", -0.4, Tag.URGENT),
    Group("in production,business critical,blocking us,blocks us,blocking our,losing customers", -0.4, Tag.URGENT),
    Group("losing money", -0.4, Tag.URGENT),
    Group(
        """
        is fixed,was fixed,been fixed,are fixed,got fixed,now fixed,finally fixed,you fixed,fixed the,fixed it,fixed now,already fixed
        fixed in,is resolved,was resolved,been resolved,now resolved,is solved,was solved,been solved,got refunded,was refunded
        been refunded,got my money back,got everything back,all restored,went away,gone away,cleared up,fixed,resolved,solved
        works again,working again,works now,work again,are gone now,is gone now,no longer happens
        """,
        0.8,
        Tag.FIXED,
    ),
    Group("not fixed,isn't fixed,still not fixed,never fixed,unfixed,not resolved,isn't resolved", -0.6, Tag.DEFECT),
    Group("unresolved,not solved,please fix,fix this,fix it,fix the,need to fix,needs fixing", -0.6, Tag.DEFECT),
    Group("to be fixed,get fixed,be fixed", -0.6, Tag.DEFECT),
    Group("never arrives,never arrived,never arrive,not arrive,not arrived", -1.3, Tag.DEFECT | Tag.FAILS),
    Group("doesn't arrive,didn't arrive,hasn't arrived,haven't arrived,never finishes", -1.3, Tag.DEFECT | Tag.FAILS),
    Group("never completes,never ends,keeps spinning,spinning,not sent,never sent", -1.3, Tag.DEFECT | Tag.FAILS),
    Group("doesn't respond,does not respond", -1.3, Tag.DEFECT | Tag.FAILS),
    Group("nothing arrived,nothing came,got nothing,get nothing,received nothing", -1.3, Tag.FAILS | Tag.UNRECEIVED),
    Group("didn't get anything,haven't received,not delivered,never delivered", -1.3, Tag.FAILS | Tag.UNRECEIVED),
    Group("never got,never came,nothing was delivered,nothing in return", -1.3, Tag.FAILS | Tag.UNRECEIVED),
    Group("paid,charged,billed,transferred,purchased,bought,topped up", 0, Tag.PAID),
    Group("where is my money,where's my money,where did my money go", -1.3, Tag.DEFECT | Tag.MONEY),
    Group("where has my money gone,what happened to my money", -1.3, Tag.DEFECT | Tag.MONEY),
    Group(
        "too small,too big,too large,too tiny,too many,too few,too short,hard to read,hard to find,can't find,cannot find",
        -1.0,
    ),
    Group("can you make,could you make,can you support,could you support,could you allow,can you allow", 0, Tag.IDEA),
    Group("typo,typos,misspelled", -0.4, Tag.DEFECT),
    Group("lovely,splendid,super easy,spot on,all good", 1.8),
    # wishes and questions
    Group(
        """
        could you add,could you please add,can you add,can you please add,would you add,could we have,can we have,could we get
        can we get,may we have,please add,please support,please allow,please make,please consider,please provide,please bring back
        would be nice,would be great,would be good,would be awesome,would be helpful,would be useful,would be cool,would be better
        would be perfect,would be amazing,would be lovely,be nice if,be great if,would love,would love to see,i'd love,we'd love
        love to have,love to see,would like to see,would like to have,would like to be able,would like an option,i'd like to,wish
        i wish,it'd be nice,it'd be great,suggest,suggestion,suggestions,suggesting,feature request,feature idea,request for
        requesting,idea,ideas,propose,proposal,it should be possible,should support,should allow,should have,should be able
        should offer,add support,add an option,add the option,add the ability,add a,support for,option to,ability to,allow us to
        allow me to,let us,let me,hope you,hoping for,hope to see,hope there,looking forward to,any plans,any plan to
        when will you support,how about adding,how about a,what about adding,consider adding,missing feature,integrate with
        integration with
        """,
        0,
        Tag.IDEA,
    ),
    Group(
        """
        how do i,how do we,how do you,how can i,how can we,how to,how does,how is,how long,how much,how many,how come,what is,what's
        what are,what does,what do,where is,where can i,where do i,where are,when will,when is,when does,which,who,why,why is,why does
        why do,is there,are there,is it,is this,does it,does the,do you,can i,can we,can you,could you,may i,will it,will there
        will you,am i able,should i,anyone know,any way to,i wonder,wondering,i'm wondering,question,questions,please explain
        please tell,let me know,what happens,don't understand,do not understand,not sure how,can someone,help me
        """,
        0,
        Tag.QUESTION,
    ),
    # pleasant
    Group(
        """
        good,nice,fine,useful,helpful,handy,convenient,easy,easier,smooth,smoothly,fast,faster,quick,quickly,clean,clear,simple
        intuitive,reliable,stable,solid,polished,friendly,responsive,affordable,comfortable,fun,neat,cool,like,likes,liked,enjoy+
        happy,pleased,satisfied,glad,recommend+,thank,thanks,thx,appreciate+,improve+,improvement,well done,good job,nice work,kudos
        works great,works perfectly,helps a lot,saves me,saves time,time saver,pretty,beautiful,elegant,worth,pleasant,impressive
        impressed,great value,kind,polite,professional,better
        """,
        1.5,
    ),
    Group(
        """
        great,love,loved,loves,loving,awesome,excellent,amazing,fantastic,wonderful,perfect,perfectly,brilliant,superb,outstanding
        best,incredible,delightful,delighted,flawless,flawlessly,game changer,lifesaver,life saver,must have,must-have,five stars
        5 stars,10/10,thank you so much,well designed,highly recommend,exceptional,fabulous,stellar
        """,
        2.4,
    ),
    Group(
        """
        joy,pleasure,addictive,entertaining,cute,accurate,informative,effective,efficient,effortless,seamless,thankful,grateful,yay
        wow,favorite,favourite,gem,winner,top notch,first class,relaxing,adorable,gorgeous,stunning,phenomenal,magnificent,terrific
        ideal,user friendly,keep it up,worth it,addicted,interesting,thoughtful,generous,trustworthy,lifesaving,blessing,godsend,fresh
        delicious,tasty
        """,
        1.6,
    ),
    Group("another company's,of another company,other companies',of other companies", 0, Tag.OTHERS),
    # unpleasant
    Group(
        """
        lost interest,lost hope,lost faith,lost patience,unhelpful,dirty,noisy,flawed,shame,shameful,lousy,mediocre,meh,nonsense
        unfair,unethical,greedy,greed,cash grab,money grab,paywall,pay to win,pop ups,popup,popups,pop up,overrated,underwhelming
        laughable,insulting,insult,dishonest,lie,lies,lied,liar,liars,cheat,cheating,cheated,deceptive,pointless,repetitive,not okay
        deleted the app,deleting this app,bull,stinks,stink,yuck,nasty,junk,weak
        """,
        -1.6,
    ),
    Group(
        """
        bad,poor,poorly,worse,confusing,confused,confuse,unclear,complicated,complex,cumbersome,clunky,annoying,annoyed,annoys,annoy
        frustrating,frustrated,frustrates,frustration,disappoint+,disappointment,unhappy,dissatisfied,dislike+,inconvenient,difficult
        hard,harder,painful,pain,tedious,messy,mess,ugly,expensive,overpriced,pricey,price increase,waste,wasted,wasting,unacceptable
        unreliable,unprofessional,rude,ignored,ignores,ignoring,no response,no reply,no answer,never replied,never answered,unfriendly
        misleading,intrusive,too many ads,ads everywhere,spam,spammy,complaint,complain+,refund me,want a refund,cancel my,cancelling
        canceling,unsubscribe,uninstall,uninstalled,uninstalling,regret,lacking,lacks,limited,boring,bloated,outdated,sad,sadly
        unfortunately,upset,tired of,sick of,fed up,let down,problem,problems,issue,issues,trouble,too long,still waiting,weeks ago
        useless feature,bother,bothers,hate how,downgrade,not worth,gave up
        """,
        -1.5,
    ),
    Group(
        """
        terrible,horrible,awful,worst,hate,hates,hated,garbage,trash,rubbish,crap,crappy,sucks,suck,useless,worthless,pathetic
        disgusting,disgrace,ridiculous,scam,scammers,fraud,ripoff,rip-off,rip off,furious,angry,outrageous,outraged,nightmare,disaster
        appalling,atrocious,joke,shit,shitty,wtf,stupid,idiotic,damn,fucking,abysmal,dreadful,never again,lawsuit,lawyer,one star
        1 star,zero stars,steal,stealing,thieves
        """,
        -2.5,
    ),
    # what strengthens, weakens and turns
    Group("very,really,so,too,extremely,super,incredibly,absolutely,totally,completely,utterly", 1.5, Tag.DEGREE),
    Group("highly,insanely,ridiculously,always,constantly,every time,all the time,keeps,keep", 1.5, Tag.DEGREE),
    Group("terribly,awfully,way too,most", 1.5, Tag.DEGREE),
    Group(
        "a bit,a little,slightly,somewhat,sometimes,occasionally,kinda,sort of,fairly,rather,mildly,a tad",
        0.6,
        Tag.DEGREE,
    ),
    Group(
        """
        not,no,never,without,isn't,isnt,aren't,arent,wasn't,wasnt,weren't,doesn't,doesnt,don't,dont,didn't,didnt,hasn't,hasnt,haven't
        havent,hadn't,won't,wont,wouldn't,wouldnt,shouldn't,ain't,nor,neither,none,no longer,not any,barely,hardly,rarely,never had
        never seen,free of,zero,nothing,no more,nobody,not very,not so,prevent,prevents,preventing,avoid,avoids,avoiding,not that
        not really,not too
        """,
        0,
        Tag.NEGATE,
    ),
    Group("but,however,although,though,yet,except,and then,unfortunately,until,because,since,when", 0, Tag.BREAK),
)

EMOJI: tuple[Group, ...] = (
    Group("😀,😃,😄,😁,😊,🙂,😍,🥰,😘,👍,👏,🙏,❤,♥,💖,💕,🎉,🔥,😎,🤩,💯,✨,⭐,🌟,🥳,💪,😆,☺,:),:-)", 1.8),
    Group("😡,😠,🤬,👎,💩,🤮,😤,😱,😭,😢,😞,😔,😣,😖,😫,😩,🙄,😒,😑,🤦,💔,🖕,😓,☹,🙁,:(,:-(", -1.8),
)

# after a trouble these make another thing of it, which is none: data loss prevention
HEADS = """prevention protection reports reporting detection detector recovery monitoring analytics handler handling statistics logs
insurance simulator scanner scan"""
FREE = "free"
"""After a trouble says that there is none: crash-free."""
LONE_NO = "none no never nope zero nothing nada"
"""As a whole answer: crashes? None."""

# what may stand between a negation and its word: "never had a single crash", but not "not sure why it crashes"
PASSING = """
a an the any single been be being have had has having seen see seeing ever even much such all that so more of to
is are was were experienced experience experiencing noticed notice find found think quite especially
particularly get got getting random recent anymore one feel felt look looks looking seem seems me my us our at
it been actually once
"""
