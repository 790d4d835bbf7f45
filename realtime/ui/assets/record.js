// One document, live: its fields, its JSON, its history, or only its last change (`options.mode`: fields, json,
// history, watch). A field that changes shows old -> new. The history comes from the page: in the last two modes this
// module tells the page when there is a newer version.

import { follow } from "./channel.js"
import { everySecond, make } from "./dom.js"
import { fade } from "./fade.js"
import { ago, cell, exact } from "./format.js"
import { css } from "./record.css.js"

const TELL_AFTER = 300 // ms; a document that changes in bursts asks for its history once
const LOOKS = { created: ["+", "Created", "good"], updated: ["↻", "Updated", "info"], deleted: ["✕", "Deleted", "warn"] }
const panels = new WeakMap()

/** Mount or update one document's panel; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component
  let panel = panels.get(parentElement)
  if (!panel) panels.set(parentElement, (panel = new Record(parentElement)))
  panel.update(component)
  return () => {
    panel.dispose()
    panels.delete(parentElement)
  }
}

class Record {
  constructor(parent) {
    const style = document.createElement("style")
    style.textContent = css
    this.root = make("div", "tb")
    this.root.dataset.tideboard = "record"
    this.last = make("div", "last")
    this.deleted = make("div", "deleted", "■ This document was deleted. What you see is what it was last.")
    this.deleted.setAttribute("role", "status")
    this.deleted.hidden = true
    this.body = make("div", "body")
    this.root.append(this.deleted, this.last, this.body)
    parent.append(style, this.root)
    this.was = new Map() // field -> value before the last change seen in this tab
    this.stopTicking = everySecond(() => this.#lastChange())
  }

  dispose() {
    this.unfollow?.()
    this.stopTicking()
    clearTimeout(this.telling)
  }

  update(component) {
    this.component = component
    const { data } = component
    this.options = data.options ?? {}
    this.root.dataset.view = data.view
    this.root.style.maxHeight = data.height ? `${data.height}px` : ""
    this.unfollow = follow(this.root, data, (value) => this.#paint(value))
    if (this.value) this.#draw(new Set())
  }

  #paint(value) {
    const before = this.value
    const isSame = before?.id === value.id
    if (!isSame) this.was.clear()
    const changed = isSame && before.exists && value.exists ? differing(before.document, value.document) : new Set()
    if (changed.size) {
      this.was.clear()
      for (const field of changed) this.was.set(field, before.document[field])
    }
    this.deleted.hidden = value.exists
   // A deleted document stays readable: keep what it was.
    this.value = value.exists || !isSame ? value : { ...before, exists: false }
    if (isSame && before.version !== value.version) this.#tell(value.version)
    this.#draw(changed)
  }

  #tell(version) {
    if (this.options.mode !== "history" && this.options.mode !== "watch") return
    clearTimeout(this.telling)
    this.telling = setTimeout(() => this.component.setTriggerValue("version", version), TELL_AFTER)
  }

  #draw(changed) {
    this.#lastChange()
    if (this.options.mode === "history") this.#history(this.options.history ?? [])
    else if (this.options.mode === "json") this.#json()
    else if (this.options.mode === "watch") this.body.replaceChildren()
    else this.#fields(changed)
  }

  #lastChange() {
    if (!this.value) return
    const [symbol, word, tone] = LOOKS[this.value.kind] ?? ["·", "Loaded", "quiet"]
    const when = this.value.changedAt === null ? "before this page was listening" : ago(this.value.changedAt)
    const text = `${symbol} ${word}|${when}|${this.value.actor ?? ""}|${this.value.version}`
    if (text === this.said) return
    this.said = text
    const time = make("span", "", when)
    time.title = exact(this.value.changedAt)
    const parts = [make("b", tone, `${symbol} ${word}`), time]
    if (this.value.actor) parts.push(make("span", "", `by ${this.value.actor}`))
    parts.push(make("span", "", `version ${this.value.version}`))
    this.last.replaceChildren(...parts)
  }

  #fields(changed) {
    const list = make("dl", "")
    for (const [field, value] of Object.entries(this.value.document)) {
      const place = make("dd", typeof value === "object" && value !== null ? "json" : "")
      if (this.was.has(field) && this.was.get(field) !== undefined) place.append(make("span", "old", shown(this.was.get(field))))
      place.append(make("span", "", shown(value)))
      if (!this.was.size && this.value.changed?.includes(field)) place.append(make("span", "mark", "changed last"))
      if (changed.has(field)) fade(place)
      list.append(make("dt", "", field), place)
    }
    this.body.replaceChildren(list)
  }

  #json() {
    this.body.replaceChildren(make("pre", "", JSON.stringify(this.value.document, null, 2)))
  }

  #history(rows) {
    if (!rows.length) return this.body.replaceChildren(make("p", "quiet", "No history is kept for this document."))
    const list = make("ol", "")
    for (const row of rows) list.append(entry(row))
    this.body.replaceChildren(list)
  }
}

function entry(row) {
  const item = make("li", row.tone)
  const what = make("div", "what")
  const when = make("span", "when", row.at === null ? "" : ago(row.at))
  when.title = exact(row.at)
  what.append(make("b", "", `${row.symbol} ${row.word}`), when)
  if (row.actor) what.append(make("span", "when", `by ${row.actor}`))
  what.append(make("span", "when", `version ${row.version}`))
  item.append(what)
  if (row.changes === null) item.append(make("div", "when", "What it changed isn't kept any more."))
  if (row.changes?.length) {
    const table = make("table", "")
    for (const change of row.changes) {
      const line = make("tr", "")
      const old = change.kind === "added" ? "" : shown(change.old)
      line.append(make("td", "", change.field), make("td", "old", old), make("td", "", change.kind === "removed" ? "removed" : shown(change.new)))
      table.append(line)
    }
    item.append(table)
  }
  return item
}

function shown(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value, null, 1) : cell(value, "text")
}

function differing(old, now) {
  const fields = new Set([...Object.keys(old), ...Object.keys(now)])
  return new Set([...fields].filter((field) => JSON.stringify(old[field]) !== JSON.stringify(now[field])))
}
