// The live table: header, note, pill, and the rows of grid.js. Sort, window and selection are the page's
// parameters: this module says what the reader asks for, and draws what comes back.

import { follow } from "./channel.js"
import { make, say } from "./dom.js"
import { count } from "./format.js"
import { Grid, ROW } from "./grid.js"
import { css } from "./table.css.js"

const WIDEST = 260
const NARROWEST = 74
const tables = new WeakMap()

/** Mount or update the table of one panel; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component
  let table = tables.get(parentElement)
  if (!table) tables.set(parentElement, (table = new Table(parentElement)))
  table.update(component)
  return () => {
    table.dispose()
    tables.delete(parentElement)
  }
}

class Table {
  constructor(parent) {
    this.root = make("div", "tb")
    this.root.dataset.tideboard = "table"
    this.note = make("div", "note")
    this.note.setAttribute("role", "status")
    this.pill = make("button", "pill")
    this.pill.hidden = true
    const bar = make("div", "bar")
    bar.append(this.note, this.pill)
    this.scroller = make("div", "scroll")
    this.scroller.setAttribute("role", "grid")
    this.scroller.tabIndex = 0
    this.head = make("div", "head")
    this.head.setAttribute("role", "row")
    this.head.setAttribute("aria-rowindex", "1")
    this.body = make("div", "body")
    this.body.setAttribute("role", "rowgroup")
    this.more = make("div", "more")
    this.more.append(make("button", ""))
    this.empty = make("div", "empty")
    this.scroller.append(this.head, this.body, this.empty, this.more)
    const style = document.createElement("style")
    style.textContent = css
    this.root.append(bar, this.scroller)
    parent.append(style, this.root)
    this.grid = new Grid(this.scroller, this.body, {
      select: (id) => this.component.setTriggerValue("choose", id ?? ""),
      held: (fresh) => this.#held(fresh),
    })
    this.pill.onclick = () => this.grid.release()
    this.more.firstChild.onclick = () => this.component.setTriggerValue("more", this.value.shown + 200)
    this.head.onclick = (event) => this.#sort(event.target.closest("button")?.dataset.key)
  }

  dispose() {
    this.unfollow?.()
    this.grid.dispose()
  }

  update(component) {
    this.component = component
    const { data } = component
    this.options = data.options ?? {}
    this.height = data.height ?? 420
    this.root.dataset.view = data.view
    this.scroller.setAttribute("aria-label", this.options.label ?? "Documents")
    if (this.options.selected !== undefined && this.options.selected !== this.told) {
      this.told = this.options.selected
      this.grid.mark(this.told || null)
    }
    this.unfollow = follow(this.root, data, (value) => this.#paint(value, data.channel))
  }

  #paint(value, channel) {
    const anew = this.channel !== channel
    const top = this.value && (this.value.sort !== value.sort || this.value.descending !== value.descending)
    this.channel = channel
    this.value = value
    this.#header(value)
    if (top) this.grid.toTop()
    this.grid.paint(value, { anew })
   // A short table needs no tall frame: bar, header, rows, a scrollbar.
    this.root.style.height = `${Math.min(this.height, 36 + ROW * (Math.max(4, value.rows.length) + 1) + 16)}px`
    say(this.note, value.note)
    this.more.hidden = value.shown >= value.total
    this.more.firstChild.textContent = `Show ${count(Math.min(200, value.total - value.shown))} more`
    this.empty.hidden = value.rows.length > 0
    this.empty.textContent = value.all ? "No document passes these filters." : "No documents here yet."
    this.scroller.setAttribute("aria-rowcount", String(value.total + 1))
    this.scroller.setAttribute("aria-colcount", String(value.columns.length + 1))
  }

  #held(fresh) {
    this.pill.hidden = fresh === 0
    say(this.pill, `↑ ${count(fresh)} ${this.value?.sort ? "moved here" : "newer"}`)
  }

  #header(value) {
    const [first, ...others] = value.columns
    const columns = [first, { key: "", label: "Changed", kind: "ago" }, ...others]
    const looks = JSON.stringify([columns, value.sort, value.descending])
    if (looks === this.looks) return
    this.looks = looks
    this.#widths(value)
    const focused = this.head.querySelector("button:focus")?.dataset.key
    this.head.replaceChildren(...columns.map((column) => heading(column, value)))
    if (focused !== undefined) [...this.head.querySelectorAll("button")].find((button) => button.dataset.key === focused)?.focus()
  }

  /** Fit each column to what the window holds, once per set of columns: widths that follow every change would jitter. */
  #widths(value) {
    const shape = value.columns.map((column) => column.key).join("\n")
    if (shape === this.shape) return
    this.shape = shape
    const widths = value.columns.map((column, index) => {
      const longest = value.rows.slice(0, 60).reduce((most, row) => Math.max(most, String(row.cells[index] ?? "").length), 0)
      const wanted = Math.max(column.kind === "time" ? 16 : longest, column.label.length + 2) * 7.4 + 22
      return Math.round(Math.min(WIDEST, Math.max(NARROWEST, wanted)))
    })
    widths.splice(1, 0, 104) // "Changed" stands second, where it is in sight
    this.scroller.style.setProperty("--widths", widths.map((width) => `minmax(${width}px, ${width}fr)`).join(" "))
    this.scroller.style.setProperty("--full", `${widths.reduce((sum, width) => sum + width, 0)}px`)
  }

  /** A column's header goes through: largest first, smallest first, back to the newest changes first. */
  #sort(key) {
    if (key === undefined) return
    const { sort, descending } = this.value
    let wanted = key ? `-${key}` : ""
    if (key && sort === key) wanted = descending ? key : ""
    this.component.setTriggerValue("sort", wanted)
  }
}

function heading(column, { sort, descending }) {
  const place = make("div", column.kind)
  place.setAttribute("role", "columnheader")
  const isSorted = column.key === sort
  place.setAttribute("aria-sort", isSorted ? (descending ? "descending" : "ascending") : "none")
  const button = make("button", "")
  button.dataset.key = column.key
  button.title = column.key ? `Sort by ${column.label}` : "Newest changes first"
  button.append(make("span", "", column.label))
  if (isSorted) button.append(make("span", "arrow", descending ? "▼" : "▲"))
  place.append(button)
  return place
}
