/* The inbox on a page: <ops-inbox base="https://ops.example/api/notifications" user="u1" token="…"></ops-inbox>.
   `token` is a user token that your server signs. When it is refused, the element fires "tokenneeded": set a new one. */
(() => {
  "use strict";
  const WORDS = {
    en: {
      inbox: "Inbox", unread: (n) => `Inbox, ${n} unread`, none: "Nothing here yet. New messages appear by themselves.",
      allRead: "Mark all as read", archive: "Archive", later: "Tomorrow", read: "Mark as read", more: "Show more", undo: "Undo",
      done: (n) => (n === 1 ? "1 message changed" : `${n} messages changed`), failed: "That did not work. Nothing was lost; try again.",
      away: "Not connected. Messages are kept.",
    },
    zh: {
      inbox: "收件箱", unread: (n) => `收件箱，${n} 条未读`, none: "暂无消息。新消息会自动出现。",
      allRead: "全部标为已读", archive: "归档", later: "明天提醒", read: "标为已读", more: "显示更多", undo: "撤销",
      done: (n) => `已更改 ${n} 条消息`, failed: "操作未成功，内容没有丢失，请重试。", away: "连接已断开，消息会保留。",
    },
  };
  const STYLE = `
:host{color-scheme:light dark;display:inline-block;position:relative;font:15px/1.5 system-ui,"PingFang SC","Hiragino Sans GB",
"Microsoft YaHei","Noto Sans CJK SC",sans-serif;--ink:light-dark(#1b1b1f,#e6e6e9);--soft:light-dark(#5f6368,#a9abb0);
--paper:light-dark(#fff,#26272b);--line:light-dark(#dcdde0,#44464c);--accent:light-dark(#0b57d0,#a8c7fa);--mark:light-dark(#eef3fd,#2d3442)}
:host([hidden]){display:none}
:lang(zh){line-height:1.7}
button{font:inherit;color:inherit;background:none;border:0;border-radius:6px;min-height:28px;padding:2px 8px;cursor:pointer}
button:hover{background:var(--mark)}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
.bell{display:inline-flex;gap:6px;align-items:center;min-height:44px;color:var(--ink)}
.count{min-width:20px;padding:0 6px;border-radius:10px;background:var(--accent);color:var(--paper);font-size:12px;line-height:20px;
text-align:center;font-variant-numeric:tabular-nums}
.panel{position:absolute;z-index:2147483000;inset-inline-end:0;top:100%;width:min(380px,92vw);max-height:min(560px,80vh);
overflow:auto;background:var(--paper);color:var(--ink);border:1px solid var(--line);border-radius:10px;
box-shadow:0 8px 28px rgb(0 0 0/.18)}
:host([align=start]) .panel{inset-inline:0 auto}
.head{position:sticky;top:0;display:flex;justify-content:space-between;align-items:center;gap:8px;padding:10px 14px;
background:var(--paper);border-bottom:1px solid var(--line)}
h2{margin:0;font-size:16px}
ul{list-style:none;margin:0;padding:0}
li{padding:12px 14px;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
li.unread{background:var(--mark)}
h3{margin:0;font-size:15px;font-weight:600}
li.unread h3::before{content:"";display:inline-block;width:8px;height:8px;margin-inline-end:6px;border-radius:50%;background:var(--accent)}
a{color:var(--accent)}
p{margin:2px 0 4px;white-space:pre-line}
time,.note{color:var(--soft);font-size:12px}
.top{display:flex;justify-content:space-between;align-items:baseline;gap:12px}
.top time{flex:none}
.acts{display:flex;flex-wrap:wrap;gap:4px;margin-inline:-8px}
.note{padding:10px 14px;margin:0}
.foot{padding:6px 14px}
[hidden]{display:none!important}
@media (prefers-reduced-motion:no-preference){button{transition:background .12s}}`;

  const make = (tag, fields = {}, ...inside) => {
    const node = Object.assign(document.createElement(tag), fields);
    node.append(...inside);
    return node;
  };

  class OpsInbox extends HTMLElement {
    static observedAttributes = ["base", "user", "token", "lang"];
    #entries = new Map();
    #counts = { unseen: 0, unread: 0 };
    #cursor = null;
    #position = null;
    #stop = null;
    #undo = null;
    #parts = {};

    constructor() {
      super();
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      this.#build();
    }

    get token() { return this.getAttribute("token") || ""; }
    set token(value) { this.setAttribute("token", value); }

    connectedCallback() { this.#restart(); }
    disconnectedCallback() { this.#stop?.abort(); }
    attributeChangedCallback(name, before, after) {
      if (before === after || !this.isConnected) return;
      if (name === "lang") this.#show(); else this.#restart();
    }

    get #language() {
      const asked = this.closest("[lang]")?.getAttribute("lang") || navigator.language || "en";
      return asked.toLowerCase().startsWith("zh") ? "zh" : "en";
    }
    get #words() { return WORDS[this.#language]; }
    get #address() {
      return `${(this.getAttribute("base") || "").replace(/\/$/, "")}/v1/recipients/${encodeURIComponent(this.getAttribute("user") || "")}/inbox`;
    }

    #build() {
      const count = make("span", { className: "count", hidden: true });
      const label = make("span");
      const bell = make("button", { className: "bell", type: "button", onclick: () => this.#toggle() }, label, count);
      const live = make("span", { className: "note", hidden: true });
      const title = make("h2", { id: "title" });
      const all = make("button", { type: "button", onclick: () => this.#mark("read", null) });
      const list = make("ul");
      const none = make("p", { className: "note" });
      const more = make("button", { type: "button", hidden: true, onclick: () => this.#more() });
      const undo = make("button", { type: "button", hidden: true, onclick: () => this.#takeBack() });
      const panel = make("div", { className: "panel", hidden: true }, make("div", { className: "head" }, title, all),
        live, list, none, make("div", { className: "foot" }, more, undo));
      bell.setAttribute("aria-expanded", "false");
      bell.setAttribute("aria-haspopup", "dialog");
      live.setAttribute("role", "status");
      panel.setAttribute("role", "dialog");
      panel.setAttribute("aria-labelledby", "title");
      this.shadowRoot.append(bell, panel);
      this.shadowRoot.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && !event.isComposing && !panel.hidden) { this.#toggle(); bell.focus(); }
      });
      this.#parts = { count, label, bell, live, title, all, list, none, more, undo, panel };
    }

    #restart() {
      this.#stop?.abort();
      this.#entries.clear();
      this.#position = this.#cursor = null;
      if (!this.getAttribute("user") || !this.token) return this.#show();
      this.#stop = new AbortController();
      this.#follow(this.#stop.signal);
    }

    async #ask(path = "", options = {}) {
      const headers = { Authorization: `Bearer ${this.token}`, ...options.headers };
      if (options.body) headers["Content-Type"] = "application/json";
      const answer = await fetch(this.#address + path, { ...options, headers, credentials: "omit", cache: "no-store" });
      if (answer.status === 401) this.dispatchEvent(new CustomEvent("tokenneeded", { bubbles: true, composed: true }));
      if (!answer.ok) throw Object.assign(new Error(`${answer.status}`), { status: answer.status });
      return answer;
    }

    async #load(cursor = null) {
      const stop = this.#stop;
      const page = await (await this.#ask(`?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`)).json();
      if (stop !== this.#stop) return;
      for (const entry of page.items) this.#entries.set(entry.id, entry);
      this.#cursor = page.next_cursor;
      this.#counts = page.counts;
      this.#position ??= page.counts.position;
      this.#show();
    }

    async #follow(signal) {
      for (let wait = 1000; !signal.aborted; wait = Math.min(wait * 2, 60000)) {
        try {
          if (this.#position === null) await this.#load();
          const answer = await this.#ask("/stream", { signal, headers: { Accept: "text/event-stream", "Last-Event-ID": `${this.#position}` } });
          this.#say("");
          wait = 500;
          await this.#hear(answer.body.getReader());
        } catch (error) {
          if (signal.aborted || error.status === 401) return;
          this.#say(this.#words.away);
        }
        await new Promise((go) => setTimeout(go, wait * (0.5 + Math.random())));
      }
    }

    async #hear(reader) {
      const decoder = new TextDecoder();
      for (let text = ""; ;) {
        const { done, value } = await reader.read();
        if (done) return;
        const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) this.#take(Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2))));
      }
    }

    #take({ id, event, data }) {
      if (!event) return;
      this.#position = Number(id);
      if (event === "reset") { this.#entries.clear(); this.#load().catch(() => this.#say(this.#words.failed)); }
      if (event === "counts") this.#counts = JSON.parse(data);
      if (event === "entry") {
        const entry = JSON.parse(data);
        if (entry.status === "archived" || entry.status === "snoozed") this.#entries.delete(entry.id);
        else this.#entries.set(entry.id, entry);
      }
      this.#show();
    }

    #fit() { // wherever the page has its bell, nothing of the panel is beyond the edge
      const { panel } = this.#parts;
      if (panel.hidden) return;
      panel.style.translate = "";
      const { left, right } = panel.getBoundingClientRect(), end = document.documentElement.clientWidth - 8;
      const off = right > end ? end - right : 0;
      panel.style.translate = `${left + off < 8 ? 8 - left : off}px`;
    }

    #toggle() {
      const { panel, bell } = this.#parts;
      panel.hidden = !panel.hidden;
      this.#fit();
      bell.setAttribute("aria-expanded", String(!panel.hidden));
      if (!panel.hidden && this.#counts.unseen) this.#mark("seen", null, true);
    }

    async #mark(mark, ids, quiet = false) {
      try {
        const { changed, undo_id } = await (await this.#ask("/mark", { method: "POST", body: JSON.stringify({ mark, ids }) })).json();
        if (quiet || !changed) return;
        this.#undo = undo_id;
        this.#say(this.#words.done(changed));
      } catch { this.#say(this.#words.failed); }
    }

    async #later(id) {
      const until = new Date();
      until.setDate(until.getDate() + 1);
      until.setHours(9, 0, 0, 0);
      try {
        await this.#ask(`/${id}`, { method: "PATCH", body: JSON.stringify({ snoozed_until: until.toISOString() }) });
      } catch { this.#say(this.#words.failed); }
    }

    async #takeBack() {
      const undo_id = this.#undo;
      this.#undo = null;
      try {
        await this.#ask("/undo", { method: "POST", body: JSON.stringify({ undo_id }) });
        this.#say("");
      } catch { this.#say(this.#words.failed); }
    }

    #more() { this.#load(this.#cursor).catch(() => this.#say(this.#words.failed)); }

    #say(words) {
      this.#parts.live.textContent = words;
      this.#parts.live.hidden = !words;
      this.#parts.undo.hidden = !this.#undo;
    }

    #show() {
      const { count, label, bell, panel, title, all, list, none, more, undo } = this.#parts;
      const words = this.#words, { unread, unseen } = this.#counts;
      bell.lang = panel.lang = this.#language === "zh" ? "zh-CN" : "en";
      label.textContent = title.textContent = words.inbox;
      bell.setAttribute("aria-label", unread ? words.unread(unread) : words.inbox);
      count.textContent = unseen > 99 ? "99+" : String(unseen || "");
      count.hidden = !unseen;
      [all.textContent, none.textContent, more.textContent, undo.textContent] = [words.allRead, words.none, words.more, words.undo];
      all.hidden = !unread;
      const shown = [...this.#entries.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
      none.hidden = shown.length > 0;
      more.hidden = !this.#cursor;
      const focused = this.shadowRoot.activeElement?.dataset?.key;
      list.replaceChildren(...shown.map((entry) => this.#row(entry, words)));
      if (focused) list.querySelector(`[data-key="${focused}"]`)?.focus();
      this.#fit();
    }

    #row(entry, words) {
      const at = new Date(entry.created_at);
      const time = make("time", { dateTime: entry.created_at, title: at.toLocaleString(), textContent: ago(at, this.#language) });
      const act = (name, text, onclick) => {
        const button = make("button", { type: "button", textContent: text, onclick });
        button.dataset.key = `${entry.id}-${name}`;
        return button;
      };
      const title = entry.url ? make("a", { href: entry.url, textContent: entry.title, onclick: () => this.#mark("read", [entry.id], true) }) : entry.title;
      if (entry.url) title.dataset.key = `${entry.id}-open`;
      const ours = this.#language === "zh" ? "zh-CN" : "en", acts = make("div", { className: "acts", lang: ours });
      time.lang = ours;
      const top = make("div", { className: "top" }, make("h3", {}, title), time);
      const row = make("li", { lang: entry.locale }, top, make("p", { textContent: entry.body }));
      if (!entry.is_read) acts.append(act("read", words.read, () => this.#mark("read", [entry.id])));
      acts.append(act("later", words.later, () => this.#later(entry.id)), act("archive", words.archive, () => this.#mark("archived", [entry.id])));
      row.append(acts);
      row.classList.toggle("unread", !entry.is_read);
      return row;
    }
  }

  const ago = (at, language) => {
    const seconds = (at - Date.now()) / 1000;
    const [unit, size] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, length]) => Math.abs(seconds) >= length) || ["second", 1];
    return new Intl.RelativeTimeFormat(language === "zh" ? "zh-CN" : "en", { numeric: "auto" }).format(Math.round(seconds / size), unit);
  };

  customElements.define("ops-inbox", OpsInbox);
})();
