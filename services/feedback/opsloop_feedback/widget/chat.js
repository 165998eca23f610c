/* 在线客服 on a page: <script src="https://ops.example/api/feedback/chat.js" data-key="opl_pub_…" data-team="id of a team" defer></script>.
   data-lang, data-accent, data-label, data-launcher="no" (OpsLoopChat.open()), data-user-token as of widget.js. */
(() => {
  "use strict";
  const script = document.currentScript, own = script.dataset, base = script.src.replace(/\/chat\.js.*$/, "");
  const WORDS = {
    en: {
      label: "Chat", title: "Chat with us", body: "Your message", send: "Send", close: "Close", end: "End chat", again: "Begin another chat",
      first: "Write to us. Whoever is there answers here.", waiting: (place) => (place > 1 ? `You are number ${place} in the queue.` : "You are next."),
      closed: (at) => `Nobody is there now.${at ? ` We are back ${at}.` : ""}`, here: "You are connected.", typing: "Somebody is writing…",
      mail: "Leave your e-mail address, and we answer there:", email: "Your e-mail address", keep: "Save address", kept: "We also answer by e-mail.",
      over: "This chat has ended.", failed: "Not sent. Your words are still here; please try again.", lost: "Not connected. Trying again…",
      missing: "Please write something.", address: "This is no complete address, such as name@example.com.", you: "You", us: "Support",
    },
    zh: {
      label: "在线客服", title: "在线客服", body: "您的消息", send: "发送", close: "关闭", end: "结束对话", again: "开始新的对话",
      first: "请留言，在线的同事会在这里回复您。", waiting: (place) => (place > 1 ? `您排在第 ${place} 位。` : "马上轮到您。"),
      closed: (at) => `现在无人在线。${at ? `我们将于${at}回来。` : ""}`, here: "已接通。", typing: "对方正在输入…",
      mail: "请留下电子邮箱，我们会用邮件回复：", email: "您的电子邮箱", keep: "保存邮箱", kept: "我们也会用邮件回复您。",
      over: "对话已结束。", failed: "未发送，您写的内容还在，请重试。", lost: "连接已断开，正在重试…",
      missing: "请填写内容。", address: "邮箱地址不完整，例如 name@example.com。", you: "您", us: "客服",
    },
  };
  const STYLE = `
:host{all:initial;color-scheme:light dark;--ink:light-dark(#1b1b1f,#e6e6e9);--soft:light-dark(#57606a,#a5adb8);
--paper:light-dark(#fff,#212429);--band:light-dark(#eef1f5,#2d3239);--line:light-dark(#8b929a,#6b7280);--bad:light-dark(#b3261e,#ff9d94)}
:host,button,input,textarea{font:16px/1.5 system-ui,"PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
:lang(zh){line-height:1.7}
*{box-sizing:border-box}
[hidden]{display:none!important}
button{min-height:44px;padding:8px 20px;border-radius:8px;border:1px solid var(--line);cursor:pointer;color:inherit;background:none}
.main{background:var(--accent);color:var(--on);font-weight:600}
.launch{position:fixed;z-index:2147483000;inset-inline-end:16px;bottom:16px;border-radius:24px;box-shadow:0 4px 16px rgb(0 0 0/.25)}
dialog{position:fixed;z-index:2147483001;inset:auto 12px 12px auto;margin:0;color:var(--ink);background:var(--paper);border:1px solid var(--line);
border-radius:12px;padding:0;width:min(400px,100vw - 24px);height:min(560px,100dvh - 24px)}
dialog[open]{display:flex;flex-direction:column}
header{display:flex;justify-content:space-between;align-items:center;gap:8px;padding:8px 8px 8px 16px;border-bottom:1px solid var(--line)}
h2{font-size:18px;line-height:1.3;margin:0}
header button,.quiet{border:0;padding:8px 12px}
.log{flex:1;min-height:64px;overflow:auto;overscroll-behavior:contain;padding:12px 16px;display:flex;flex-direction:column;gap:8px}
.said{background:var(--band);border-radius:12px;padding:8px 12px;max-width:85%;width:fit-content;overflow-wrap:anywhere;white-space:pre-line}
.mine{align-self:flex-end;background:var(--accent);color:var(--on)}
.said b{display:block;font-size:12px;font-weight:600}
p{margin:0;padding:0 16px;color:var(--soft);font-size:14px}
.flaw{color:var(--bad)}.flaw::before{content:"▲ "}
form{display:flex;flex-wrap:wrap;gap:8px;padding:8px 16px 12px;align-items:end}
label{flex:1 0 100%;font-size:14px;font-weight:600;margin-bottom:-4px}
textarea,input{flex:1;min-width:0;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:9px 12px;min-height:44px}
textarea{height:72px;resize:none}
:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
@media (prefers-reduced-motion:no-preference){dialog[open]{animation:rise .16s}}
@keyframes rise{from{opacity:0}}`;

  const make = (tag, { attributes = {}, ...rest }, ...inside) => {
    const node = Object.assign(document.createElement(tag), rest);
    for (const name in attributes) node.setAttribute(name, attributes[name]);
    node.append(...inside);
    return node;
  };
  const light = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const pause = (ms) => new Promise((go) => setTimeout(go, ms));
  const NAME = "opsloop-chat";
  const keep = (chat) => { try { sessionStorage.setItem(NAME, JSON.stringify(chat)); } catch { /* not here */ } };
  const kept = () => { try { return JSON.parse(sessionStorage.getItem(NAME)); } catch { return null; } };

  class OpsChat extends HTMLElement {
    #parts = {};
    #chat = kept();
    #stop = null;
    #last = null;
    #attempt = null;
    #typed = 0;
    #beat = null;

    constructor() {
      super();
      const accent = /^#[0-9a-f]{6}$/i.test(own.accent) ? own.accent : "#0b57d0", sheet = new CSSStyleSheet();
      const at = light(accent) + 0.05, on = 1.05 / at >= at / (light("#1b1b1f") + 0.05) ? "#fff" : "#1b1b1f";
      sheet.replaceSync(`${STYLE}:host{--accent:${accent};--on:${on}}`);
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      this.#build();
    }

    get #language() {
      return (own.lang || document.documentElement.lang || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
    }

    #build() {
      const words = WORDS[this.#language], lang = this.#language === "zh" ? "zh-CN" : "en";
      const launch = make("button", { className: "main launch", lang, textContent: own.label || words.label, hidden: own.launcher === "no",
        onclick: () => this.open() });
      const log = make("div", { className: "log", tabIndex: 0, attributes: { role: "log", "aria-label": words.title } });
      const state = make("p", { textContent: words.first, attributes: { role: "status" } }), flaw = make("p", { className: "flaw", hidden: true, attributes: { role: "alert" } });
      const body = make("textarea", { id: "body", maxLength: 10000, oninput: () => this.#typing() });
      const form = make("form", { noValidate: true, onsubmit: (event) => { event.preventDefault(); this.#send(); } },
        make("label", { htmlFor: "body", textContent: words.body }), body, make("button", { className: "main", textContent: words.send }));
      const email = make("input", { id: "email", type: "email", autocomplete: "email", maxLength: 254 });
      const mail = make("form", { hidden: true, noValidate: true, onsubmit: (event) => { event.preventDefault(); this.#leaveAddress(); } },
        make("label", { htmlFor: "email", textContent: words.mail }), email, make("button", { textContent: words.keep }));
      const end = make("button", { className: "quiet", type: "button", textContent: words.end, hidden: true, onclick: () => this.#end() });
      const again = make("button", { type: "button", textContent: words.again, hidden: true, onclick: () => this.#again() });
      const close = make("button", { type: "button", textContent: "✕", onclick: () => this.close(), attributes: { "aria-label": words.close } });
      const dialog = make("dialog", { lang, attributes: { "aria-labelledby": "title" } },
        make("header", {}, make("h2", { id: "title", textContent: words.title }), make("span", {}, end, close)), log, state, flaw, mail, form, again);
      dialog.addEventListener("keydown", (event) => {
        event.stopPropagation();
        if (event.isComposing) return; // keys of an input method are not ours
        if (event.key === "Escape") this.close();
        if (event.key === "Enter" && event.target === body && !event.shiftKey) { event.preventDefault(); this.#send(); }
      });
      this.shadowRoot.append(launch, dialog);
      this.#parts = { launch, log, state, flaw, body, form, email, mail, end, again, dialog, words, lang };
    }

    open() {
      this.#parts.dialog.show();
      this.#parts.body.focus();
      if (this.#chat && !this.#stop) this.#follow();
    }

    close() {
      this.#parts.dialog.close();
      this.#parts.launch.focus();
    }

    async #ask(path, options) {
      const at = this.#chat, headers = { Authorization: `Bearer ${at ? at.token : own.userToken || own.key}`, ...options.headers };
      if (options.body) headers["Content-Type"] = "application/json";
      const answer = await fetch(`${base}/v1/chats${at ? `/${at.id}` : ""}${path}`, { ...options, headers, credentials: "omit", cache: "no-store" });
      if (answer.status === 401 && at) this.#forget();
      if (!answer.ok) throw Object.assign(new Error(`${answer.status}`), { status: answer.status });
      return answer;
    }

    #post(path, said, headers = {}) {
      return this.#ask(path, { method: "POST", body: JSON.stringify(said), headers, signal: AbortSignal.timeout(20000) });
    }

    #say(words) {
      this.#parts.flaw.textContent = words;
      this.#parts.flaw.hidden = !words;
    }

    async #send() {
      const { body, words, lang } = this.#parts, text = body.value;
      if (this.#attempt?.busy) return;
      this.#say(text.trim() ? "" : words.missing);
      if (!text.trim()) return;
      if (this.#attempt?.text !== text) this.#attempt = { text, key: fresh() }; // the same words again are the same message
      this.#attempt.busy = true;
      try {
        if (this.#chat) this.#show(await (await this.#post("/messages", { body: text, key: this.#attempt.key })).json());
        else {
          const said = { body: text, locale: lang, page: location.origin + location.pathname };
          if (own.team) said.team_id = own.team;
          const begun = await (await this.#post("", said, { "Idempotency-Key": this.#attempt.key })).json();
          this.#chat = { id: begun.chat_id, token: begun.token };
          keep(this.#chat);
          this.#follow();
        }
        body.value = "";
        this.#attempt = null;
      } catch (error) {
        this.#say(error.status === 409 ? words.over : words.failed);
      } finally {
        if (this.#attempt) this.#attempt.busy = false;
        body.focus();
      }
    }

    async #follow() {
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      clearInterval(this.#beat);
      this.#beat = setInterval(() => this.#be({}), 60000);
      while (this.#chat && !signal.aborted) {
        try {
          const headers = { Accept: "text/event-stream", ...(this.#last && { "Last-Event-ID": this.#last }) };
          const reader = (await this.#ask("/stream", { headers, signal })).body.pipeThrough(new TextDecoderStream()).getReader();
          for (let rest = ""; ;) {
            const { done, value } = await reader.read();
            if (done) break;
            const pieces = (rest + value).split("\n\n");
            rest = pieces.pop();
            pieces.forEach((piece) => this.#hear(piece));
          }
        } catch { if (!signal.aborted) this.#parts.state.textContent = this.#parts.words.lost; }
        await pause(2000);
      }
    }

    #hear(piece) {
      const fields = Object.fromEntries(piece.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
      if (!fields.data) return;
      if (fields.event === "message") { this.#last = fields.id; this.#show(JSON.parse(fields.data)); } else this.#stand(JSON.parse(fields.data));
    }

    #show({ id, said_by, body }) {
      const { log, words } = this.#parts;
      if ([...log.children].some((one) => one.dataset.id === id)) return;
      const mine = said_by === "author", row = make("div", { className: mine ? "said mine" : "said" }, make("b", { textContent: mine ? words.you : words.us }), body);
      row.dataset.id = id;
      log.append(row);
      log.scrollTop = log.scrollHeight;
    }

    #stand({ is_open, opens_at, position, staff_is_typing, has_address, ended_at }) {
      const { words, lang, state, mail, end, again, form } = this.#parts;
      const at = opens_at && new Date(opens_at).toLocaleString(lang, { weekday: "long", hour: "numeric", minute: "2-digit" });
      const there = position === null ? words.here : words.waiting(position);
      const said = ended_at ? words.over : staff_is_typing ? words.typing : is_open || position === null ? there : words.closed(at);
      state.textContent = has_address && !ended_at && !is_open ? `${said} ${words.kept}` : said;
      mail.hidden = Boolean(is_open || has_address || ended_at || own.userToken);
      [end.hidden, again.hidden, form.hidden] = [Boolean(ended_at), !ended_at, Boolean(ended_at)];
      if (staff_is_typing) setTimeout(() => { if (state.textContent === words.typing) state.textContent = there; }, 6000);
    }

    #typing() {
      if (!this.#chat || Date.now() - this.#typed < 4000) return;
      this.#typed = Date.now();
      this.#be({ is_typing: true });
    }

    async #be(presence) {
      try {
        this.#chat.token = (await (await this.#post("/presence", presence)).json()).token;
        keep(this.#chat);
      } catch { /* the next may */ }
    }

    async #leaveAddress() {
      const { email, words, body } = this.#parts, fine = email.value && email.validity.valid;
      this.#say(fine ? "" : words.address);
      if (!fine) return email.focus();
      try { this.#stand(await (await this.#post("/contact", { email: email.value })).json()); body.focus(); } catch (error) { this.#say(error.status === 422 ? words.address : words.failed); }
    }

    async #end() {
      await this.#be({ is_leaving: true });
      this.#stand({ ended_at: true });
      this.#forget();
      this.#parts.again.focus();
    }

    #forget() {
      this.#stop?.abort();
      clearInterval(this.#beat);
      this.#chat = this.#stop = this.#last = null;
      keep(null);
      if (!this.#parts.form.hidden) this.#stand({ ended_at: true });
    }

    #again() {
      const { log, state, words, form, again, body } = this.#parts;
      log.replaceChildren();
      state.textContent = words.first;
      [form.hidden, again.hidden] = [false, true];
      body.focus();
    }
  }

  if (customElements.get("ops-chat")) return;
  customElements.define("ops-chat", OpsChat);
  const start = () => {
    const chat = document.body.appendChild(document.createElement("ops-chat"));
    window.OpsLoopChat = { open: () => chat.open(), close: () => chat.close(), element: chat };
  };
  if (document.body) start(); else addEventListener("DOMContentLoaded", start);
})();
