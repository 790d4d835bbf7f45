// The live table's body: rows by document id, only those in sight in the DOM. Knows no channel and no Streamlit.
//
// While a row is selected, or the reader has scrolled from the top or walks by keyboard, the order stands still:
// cells go on changing in place, what is new is counted, and `release()` catches up.

import { everySecond } from "./dom.js"
import { fade } from "./fade.js"
import { ago, cell, exact } from "./format.js"

export const ROW = 32 // px; table.css has the same
const SPARE = 8 // rows kept above and below what is in sight

export class Grid {
  /** `scroller` scrolls, `body` holds the rows; `on` = {select(id|null), held(count)}. */
  constructor(scroller, body, on) {
    this.scroller = scroller
    this.body = body
    this.on = on
    this.columns = []
    this.rows = new Map() // id -> row of the newest value, or the last seen one while the order stands still
    this.order = [] // ids as shown
    this.newest = [] // ids as the newest value has them
    this.drawn = new Map() // id -> element in the DOM
    this.gone = new Set()
    this.selected = null
    this.active = null
    this.frame = 0
    // Remembered, because asking an element where it is makes the browser lay the whole page out on the spot.
    this.top = this.height = 0
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true })
    scroller.addEventListener("keydown", (event) => this.#key(event))
    body.addEventListener("click", (event) => this.#click(event))
    scroller.addEventListener("blur", () => this.#leave())
    this.resized = new ResizeObserver(() => this.#scrolled())
    this.resized.observe(scroller)
    this.stopTicking = everySecond(() => this.#tick())
  }

  dispose() {
    this.stopTicking()
    cancelAnimationFrame(this.frame)
    this.resized.disconnect()
  }

  get isHeld() {
    return this.selected !== null || this.active !== null || this.top > 4
  }

  /** Take a new value. `anew`: other parameters than before, so nothing has to stand still. */
  paint(value, { anew }) {
    const shape = value.columns.map((column) => column.key + column.kind).join("\n")
    if (shape !== this.shape) {
      this.shape = shape
      this.columns = value.columns
      this.#clear()
    }
    const fresh = new Map(value.rows.map((row) => [row.id, row]))
    this.newest = value.rows.map((row) => row.id)
    this.gone = new Set(value.gone)
    const before = this.rows
    if (anew || !this.isHeld) {
      this.#arrange(fresh)
    } else {
      for (const id of this.order) if (!fresh.has(id) && before.has(id)) fresh.set(id, before.get(id))
      this.rows = fresh
    }
    this.#draw(anew ? null : before)
    this.#tellHeld()
  }

  /** Scroll to the first row. */
  toTop() {
    this.scroller.scrollTop = this.top = 0
  }

  /** Show the newest order now; the selection stays, by id. */
  release() {
    this.active = null
    this.#arrange(new Map(this.newest.map((id) => [id, this.rows.get(id)])))
    this.toTop()
    this.#draw(null)
    this.#tellHeld()
  }

  /** Mark the row of `id` (null: none) without telling anyone: the page already knows. */
  mark(id) {
    if (id === this.selected) return
    this.selected = id
    for (const [key, element] of this.drawn) element.setAttribute("aria-selected", String(key === id))
    if (id === null && !this.isHeld) this.#catchUp()
  }

  #catchUp() {
    this.#arrange(new Map(this.newest.map((id) => [id, this.rows.get(id)])))
    this.#draw(null)
    this.#tellHeld()
  }

  #arrange(rows) {
    this.rows = rows
    this.order = [...this.newest]
    this.body.style.height = `${this.order.length * ROW}px`
  }

  #tellHeld() {
    const shown = new Set(this.order)
    this.on.held(this.newest.filter((id) => !shown.has(id)).length)
  }

  #scrolled() {
    this.top = this.scroller.scrollTop
    this.height = this.scroller.clientHeight
    this.#soon()
  }

  #soon() {
    if (this.frame) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      if (!this.isHeld && this.order.join() !== this.newest.join()) this.#catchUp()
      else this.#draw(null)
    })
  }

  /** Bring the rows in sight into the DOM. `before`: the rows of the value before, to fade what changed. */
  #draw(before) {
    const first = Math.max(0, Math.floor(this.top / ROW) - SPARE)
    const last = Math.min(this.order.length, Math.ceil((this.top + this.height) / ROW) + SPARE)
    const wanted = new Set(this.order.slice(first, last))
    for (const [id, element] of this.drawn) {
      if (!wanted.has(id)) {
        element.remove()
        this.drawn.delete(id)
      }
    }
    for (let index = first; index < last; index++) {
      const id = this.order[index]
      const row = this.rows.get(id)
      let element = this.drawn.get(id)
      const isNew = !element
      if (isNew) element = this.#create(id)
      if (element.top !== index) {
        element.top = index
        element.style.top = `${index * ROW}px`
        element.setAttribute("aria-rowindex", String(index + 2)) // the header is row 1
      }
      if (element.row !== row) this.#fill(element, row, before && !isNew)
      if (isNew && before && !before.has(id)) fade(element)
      element.classList.toggle("gone", this.gone.has(id))
      element.setAttribute("aria-selected", String(id === this.selected))
      element.classList.toggle("active", id === this.active)
    }
  }

  #create(id) {
    const element = document.createElement("div")
    element.className = "row"
    element.setAttribute("role", "row")
    element.dataset.id = id
    element.id = `row-${encodeURIComponent(id)}`
    const [first, ...others] = this.columns
    for (const column of [first, { kind: "ago" }, ...others]) {
      const place = document.createElement("div")
      place.setAttribute("role", "gridcell")
      place.className = `cell ${column.kind}`
      element.append(place)
    }
    this.body.append(element)
    this.drawn.set(id, element)
    return element
  }

  #fill(element, row, fades) {
    element.row = row
    const [first, , ...others] = element.children // the second one tells when it changed
    const cells = [first, ...others]
    for (let index = 0; index < this.columns.length; index++) {
      const text = cell(row.cells[index], this.columns[index].kind)
      if (cells[index].textContent === text) continue
      cells[index].textContent = text
      cells[index].title = text.length > 18 ? text : ""
      cells[index].classList.toggle("none", row.cells[index] === null || row.cells[index] === undefined)
      if (fades) fade(cells[index])
    }
    this.#age(element)
  }

  #age(element) {
    const place = element.children[1]
    const text = ago(element.row.changedAt)
    if (place.textContent === text) return
    place.textContent = text
    if (place.at === element.row.changedAt) return
    place.at = element.row.changedAt
    place.title = exact(element.row.changedAt)
  }

  #tick() {
    for (const element of this.drawn.values()) if (element.row) this.#age(element)
  }

  #clear() {
    this.body.replaceChildren()
    this.drawn.clear()
  }

  #click(event) {
    const element = event.target.closest(".row")
    if (!element || String(getSelection())) return // marking text isn't choosing a row
    this.#choose(element.dataset.id === this.selected ? null : element.dataset.id)
  }

  #choose(id) {
    this.mark(id)
    this.on.select(id)
  }

  #leave() {
    if (this.active === null) return
    this.active = null
    this.scroller.removeAttribute("aria-activedescendant")
    this.#soon()
  }

  #key(event) {
    if (event.target !== this.scroller) return
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2)
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }
    if (event.key in moves) this.#walk(moves[event.key])
    else if ((event.key === "Enter" || event.key === " ") && this.active !== null) this.#choose(this.active)
    else if (event.key === "Escape" && this.selected !== null) this.#choose(null)
    else if (event.key === "ArrowRight") this.scroller.scrollLeft += 80
    else if (event.key === "ArrowLeft") this.scroller.scrollLeft -= 80
    else return
    event.preventDefault()
  }

  #walk(by) {
    if (!this.order.length) return
    const from = this.order.indexOf(this.active ?? this.selected)
    const to = Math.min(this.order.length - 1, Math.max(0, from < 0 ? 0 : from + by))
    this.active = this.order[to]
    const top = to * ROW
    const sight = this.scroller.clientHeight - ROW - 4 // the header covers one row
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top
    else if (top + ROW > this.scroller.scrollTop + sight) this.scroller.scrollTop = top + ROW - sight
    this.#draw(null)
    this.scroller.setAttribute("aria-activedescendant", this.drawn.get(this.active)?.id ?? "")
  }
}
