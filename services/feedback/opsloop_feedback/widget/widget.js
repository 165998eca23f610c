/* Feedback on a page: <script src="https://ops.example/api/feedback/widget.js" data-key="opl_pub_…" defer></script>.
   data-lang="zh|en", data-accent="#0b57d0", data-rating="no", data-contact="no", data-files="no", data-label, data-launcher="no" (open it by
   OpsLoopFeedback.open()), data-user-token: a token of an end user that your server signs, instead of a claim of who it is. */
(() => {
  "use strict";
  const script = document.currentScript, own = script.dataset, base = script.src.replace(/\/widget\.js.*$/, "");
  const WORDS = {
    en: {
      label: "Feedback", title: "Tell us", body: "What would you like to tell us?", rating: "How is it overall?",
      ratings: ["very bad", "bad", "all right", "good", "very good"], email: "Your e-mail address",
      hint: "Only to answer you.", optional: "(optional)", send: "Send", sending: "Sending…", close: "Close",
      thanks: "Thank you. It has arrived.", number: "Your number is", another: "Write something else",
      files: "Screenshots and files", large: "At most 3 files of 10 MB each.", refused: "A file was not taken. Please choose another.",
      missing: "Please write something.", address: "This is no complete address, such as name@example.com.",
      failed: "Not sent. Nothing that you wrote is lost; please try again.", busy: "Too much was sent just now. Please wait a moment, then try again.",
    },
    zh: {
      label: "反馈", title: "告诉我们", body: "您想告诉我们什么？", rating: "总体评价",
      ratings: ["很差", "较差", "一般", "满意", "非常满意"], email: "您的电子邮箱", hint: "仅用于回复您。",
      optional: "（选填）", send: "发送", sending: "正在发送…", close: "关闭", thanks: "谢谢，您的反馈已收到。", number: "您的编号是",
      another: "再写一条", files: "截图和文件", large: "最多 3 个文件，每个不超过 10 MB。", refused: "有文件未被接受，请另选文件。", missing: "请填写内容。", address: "邮箱地址不完整，例如 name@example.com。",
      failed: "未发送，您填写的内容没有丢失，请重试。", busy: "刚才发送过于频繁，请稍候再试。",
    },
  };
  const STYLE = `
:host{all:initial;color-scheme:light dark;--ink:light-dark(#1b1b1f,#e6e6e9);--soft:light-dark(#57606a,#a5adb8);
--paper:light-dark(#fff,#212429);--line:light-dark(#8b929a,#6b7280);--bad:light-dark(#b3261e,#ff9d94)}
:host,button,input,textarea{font:16px/1.5 system-ui,"PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
:lang(zh){line-height:1.7}
*{box-sizing:border-box}
[hidden]{display:none!important}
.launch{position:fixed;z-index:2147483000;inset-inline-end:16px;bottom:16px}
button{min-height:44px;padding:8px 20px;border-radius:8px;border:1px solid var(--line);cursor:pointer;color:inherit;background:none}
.main{background:var(--accent);color:var(--on);font-weight:600}
.launch{box-shadow:0 4px 16px rgb(0 0 0/.25);border-radius:24px}
dialog{color:var(--ink);background:var(--paper);border:1px solid var(--line);border-radius:12px;padding:0;width:min(400px,100vw - 24px);
max-height:calc(100dvh - 24px);margin:auto 12px 12px auto;overflow:auto;overscroll-behavior:contain}
dialog::backdrop{background:rgb(0 0 0/.35)}
header{display:flex;justify-content:space-between;align-items:center;gap:12px;padding:8px 8px 0 20px}
h2{font-size:20px;line-height:1.3;margin:0}
h2:focus,p:focus{outline:0}
.close{border:0;padding:8px 12px}
.view{padding:8px 20px 20px}
label,legend{display:block;font-weight:600;margin:12px 0 4px;padding:0}
fieldset{border:0;margin:12px 0 0;padding:0;min-width:0}
.soft{color:var(--soft);font-weight:400;font-size:14px;margin:4px 0 0}
textarea,input[type=email],input[type=file]{width:100%;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:8px;padding:10px 12px;
min-height:44px}
textarea{min-height:120px;resize:vertical;display:block}
[aria-invalid]{border:2px solid var(--bad)!important}
.flaw{color:var(--bad);font-size:14px;margin:4px 0 0}
.flaw::before{content:"▲ "}
.scale{display:grid;grid-template-columns:repeat(5,1fr);gap:4px}
.scale label{margin:0;font-weight:400;text-align:center;display:grid;justify-items:center;align-content:start;gap:4px;padding:4px 0;min-height:44px;
font-size:14px;line-height:1.3}
.scale input{width:20px;height:20px;margin:0;accent-color:var(--accent)}
.end{margin:20px 0 0}
p{margin:0 0 12px;overflow-wrap:anywhere}
.number{font-weight:600;font-variant-numeric:tabular-nums}
:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
@media (prefers-reduced-motion:no-preference){dialog[open]{animation:rise .16s ease-out}}
@keyframes rise{from{transform:translateY(12px);opacity:0}}`;

  const make = (tag, fields = {}, ...inside) => {
    const { attributes = {}, ...rest } = fields, node = Object.assign(document.createElement(tag), rest);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...inside);
    return node;
  };
  const light = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const uuid = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const keep = (text) => { try { text === null ? sessionStorage.removeItem("opsloop-draft") : sessionStorage.setItem("opsloop-draft", text); } catch { /* not here */ } };
  const kept = () => { try { return sessionStorage.getItem("opsloop-draft") || ""; } catch { return ""; } };

  class OpsFeedback extends HTMLElement {
    #parts = {};
    #attempt = null;
    #kept = new WeakMap(); // of a file that was taken: its id, so that it is sent once

    constructor() {
      super();
      const accent = /^#[0-9a-f]{6}$/i.test(own.accent || "") ? own.accent : "#0b57d0", sheet = new CSSStyleSheet();
      const on = 1.05 / (light(accent) + 0.05) >= (light(accent) + 0.05) / (light("#1b1b1f") + 0.05) ? "#fff" : "#1b1b1f";
      sheet.replaceSync(`${STYLE}:host{--accent:${accent};--on:${on}}`);
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [sheet];
      this.#build();
    }

    get #language() {
      const asked = own.lang || document.documentElement.lang || navigator.language || "en";
      return asked.toLowerCase().startsWith("zh") ? "zh" : "en";
    }

    #build() {
      const words = WORDS[this.#language], lang = this.#language === "zh" ? "zh-CN" : "en";
      const launch = make("button", { className: "main launch", type: "button", lang, textContent: own.label || words.label,
        hidden: own.launcher === "no", onclick: () => this.open(), attributes: { "aria-haspopup": "dialog" } });
      const flaw = (id) => make("p", { className: "flaw", id, hidden: true });
      const body = make("textarea", { id: "body", maxLength: 10000, value: kept(), required: true, oninput: () => keep(body.value),
        attributes: { "aria-describedby": "body-flaw" } });
      const scale = make("div", { className: "scale" }, ...words.ratings.map((said, at) => make("label", {},
        make("input", { type: "radio", name: "rating", value: String(at + 1) }), `${at + 1}`, make("span", { textContent: said }))));
      const optional = () => make("span", { className: "soft", textContent: ` ${words.optional}` });
      const rating = make("fieldset", { hidden: own.rating === "no" }, make("legend", {}, words.rating, optional()), scale);
      const email = make("input", { id: "email", type: "email", autocomplete: "email", maxLength: 254, attributes: { "aria-describedby": "hint email-flaw" } });
      const contact = make("div", { hidden: own.contact === "no" || Boolean(own.userToken) }, make("label", { htmlFor: "email" }, words.email, optional()), email,
        make("p", { className: "soft", id: "hint", textContent: words.hint }), flaw("email-flaw"));
      const files = make("input", { id: "files", type: "file", multiple: true, attributes: { "aria-describedby": "files-flaw" } });
      const pictures = make("div", { hidden: own.files === "no" }, make("label", { htmlFor: "files" }, words.files, optional()), files, flaw("files-flaw"));
      const send = make("button", { className: "main", textContent: words.send });
      const said = make("p", { className: "flaw", hidden: true, attributes: { role: "alert" } });
      const form = make("form", { noValidate: true, onsubmit: (event) => { event.preventDefault(); this.#send(); } },
        make("label", { htmlFor: "body", textContent: words.body }), body, flaw("body-flaw"), rating, pictures, contact, said, make("p", { className: "end" }, send));
      const number = make("span", { className: "number" });
      const thanks = make("p", { tabIndex: -1, attributes: { role: "status" } });
      const done = make("div", { hidden: true }, thanks, make("button", { type: "button", textContent: words.another, onclick: () => this.#again() }));
      const title = make("h2", { id: "title", textContent: words.title });
      const close = make("button", { className: "close", type: "button", textContent: "✕", onclick: () => dialog.close(), attributes: { "aria-label": words.close } });
      const dialog = make("dialog", { lang, attributes: { "aria-labelledby": "title" }, onclick: (event) => { if (event.target === dialog) dialog.close(); },
        onclose: () => this.dispatchEvent(new Event("close")) }, make("header", {}, title, close), make("div", { className: "view" }, form, done));
      // keys of an input method that composes are not ours
      dialog.addEventListener("keydown", (event) => { event.stopPropagation(); if (event.key === "Escape" && event.isComposing) event.preventDefault(); });
      this.shadowRoot.append(launch, dialog);
      this.#parts = { launch, body, email, files, contact, scale, form, send, said, done, thanks, number, dialog, words, lang };
    }

    open() {
      const { dialog, body, done, thanks } = this.#parts;
      if (!dialog.open) dialog.showModal(); // which keeps the focus within, and gives it back
      (done.hidden ? body : thanks).focus();
    }

    close() { this.#parts.dialog.close(); }

    #again() {
      const { form, done, body } = this.#parts;
      [form.hidden, done.hidden] = [false, true];
      form.reset();
      body.value = "";
      body.focus();
    }

    #flaw(name, words) {
      const field = this.#parts[name], note = this.shadowRoot.getElementById(`${name}-flaw`);
      note.textContent = words || "";
      note.hidden = !words;
      if (words) { field.setAttribute("aria-invalid", "true"); field.focus(); } else field.removeAttribute("aria-invalid");
    }

    #say(words) {
      this.#parts.said.textContent = words;
      this.#parts.said.hidden = !words;
    }

    async #send() {
      const { body, email, files, contact, scale, send, words, lang } = this.#parts;
      if (send.getAttribute("aria-disabled")) return;
      this.#say("");
      this.#flaw("email", !contact.hidden && email.value && !email.validity.valid && words.address);
      this.#flaw("files", (files.files.length > 3 || [...files.files].some((file) => file.size > 1e7)) && words.large);
      this.#flaw("body", !body.value.trim() && words.missing);
      if (this.shadowRoot.querySelector("[aria-invalid]")) return;
      const rating = scale.querySelector(":checked");
      const said = { body: body.value, channel: "widget", locale: lang, attributes: { page: location.origin + location.pathname, title: document.title.slice(0, 200) } };
      if (rating) said.rating = Number(rating.value);
      if (!contact.hidden && email.value) said.author = { email: email.value };
      send.setAttribute("aria-disabled", "true");
      send.textContent = words.sending;
      try {
        for (const file of files.files) {
          if (this.#kept.has(file)) continue;
          const taken = await this.#post(`attachments?name=${encodeURIComponent(file.name.slice(-200))}`, file, "application/octet-stream", 120000);
          if (!taken.ok) return this.#flaw("files", taken.status === 413 ? words.large : words.refused);
          this.#kept.set(file, (await taken.json()).id);
        }
        if (files.files.length) said.attachments = [...files.files].map((file) => this.#kept.get(file));
        const text = JSON.stringify(said);
        if (this.#attempt?.text !== text) this.#attempt = { text, key: uuid() }; // the same words again are the same request
        const answer = await this.#post("feedback", text, "application/json", 20000, { "Idempotency-Key": this.#attempt.key });
        if (answer.ok) this.#sent((await answer.json()).number);
        else if (answer.status === 422) this.#refused(await answer.json());
        else this.#say(answer.status === 429 ? words.busy : words.failed);
      } catch { this.#say(words.failed); } finally {
        send.removeAttribute("aria-disabled");
        send.textContent = words.send;
      }
    }

    #post(path, body, type, ms, more) {
      const headers = { Authorization: `Bearer ${own.userToken || own.key}`, "Content-Type": type, ...more };
      return fetch(`${base}/v1/${path}`, { method: "POST", body, headers, credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(ms) });
    }

    #refused(problem) {
      const { words } = this.#parts, pointers = (problem.errors || []).map((error) => error.pointer);
      if (pointers.includes("/author/email")) this.#flaw("email", words.address);
      else if (pointers.includes("/body")) this.#flaw("body", words.missing);
      else this.#say(words.failed);
    }

    #sent(number) {
      const { form, done, thanks, words, body } = this.#parts;
      this.#attempt = null;
      keep(null);
      body.value = "";
      thanks.replaceChildren(words.thanks, " ", `${words.number} `, make("span", { className: "number", textContent: `#${number}` }));
      [form.hidden, done.hidden] = [true, false];
      thanks.focus();
      this.dispatchEvent(new CustomEvent("sent", { detail: { number } }));
    }
  }

  if (customElements.get("ops-feedback")) return;
  customElements.define("ops-feedback", OpsFeedback);
  const start = () => {
    const widget = document.body.appendChild(document.createElement("ops-feedback"));
    window.OpsLoopFeedback = { open: () => widget.open(), close: () => widget.close(), element: widget };
  };
  if (document.body) start(); else addEventListener("DOMContentLoaded", start);
})();
