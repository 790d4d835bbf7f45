// Cards of collections to choose from, or (`options.layout` = "list") a list of the busiest.
// One element per collection, changed in place; choosing one tells the page its name.

import { follow } from "./channel.js"
import { css } from "./cards.css.js"
import { everySecond, make, say } from "./dom.js"
import { ago, at, count, exact } from "./format.js"
import { drawSpark, spark } from "./spark.js"

const panels = new WeakMap()

/** Mount or update the cards of one panel; Streamlit calls it again at every rerun. */
export function mount(component) {
  const { parentElement } = component
  let panel = panels.get(parentElement)
  if (!panel) panels.set(parentElement, (panel = new Cards(parentElement)))
  panel.update(component)
  return () => {
    panel.dispose()
    panels.delete(parentElement)
  }
}

class Cards {
  constructor(parent) {
    const style = document.createElement("style")
    style.textContent = css
    this.root = make("div", "tb")
    this.root.dataset.tideboard = "cards"
    this.list = make("div", "")
    this.empty = Object.assign(make("div", "empty", "No collections yet."), { hidden: true })
    this.root.append(this.list, this.empty)
    parent.append(style, this.root)
    this.cards = new Map()
    this.stopTicking = everySecond(() => this.value && this.#ages())
    this.list.onclick = (event) => this.#choose(event.target.closest("[data-name]")?.dataset.name)
  }

  dispose() {
    this.unfollow?.()
    this.stopTicking()
  }

  update(component) {
    this.component = component
    const { data } = component
    this.options = data.options ?? {}
    this.isList = this.options.layout === "list"
    this.list.className = this.isList ? "lines" : "cards"
    this.root.dataset.view = data.view
    if (this.options.selected !== undefined) this.selected = this.options.selected
    this.unfollow = follow(this.root, data, (value) => this.#paint(value))
    this.#mark()
  }

  #choose(name) {
    if (name === undefined) return
    this.selected = name
    this.#mark()
    if (this.isList) this.component.setTriggerValue("open", name)
    else this.component.setTriggerValue("choose", name)
  }

  #mark() {
    if (this.isList) return
    for (const [name, card] of this.cards) card.root.setAttribute("aria-pressed", String(name === this.selected))
  }

  #paint(value) {
    this.value = value
    this.empty.hidden = value.cards.length > 0
    const names = new Set(value.cards.map((card) => card.name))
    for (const [name, card] of this.cards) {
      if (!names.has(name)) {
        card.root.remove()
        this.cards.delete(name)
      }
    }
    value.cards.forEach((facts, index) => {
      let card = this.cards.get(facts.name)
      if (!card) this.cards.set(facts.name, (card = this.isList ? lineOf(facts) : cardOf(facts)))
      if (this.list.children[index] !== card.root) this.list.insertBefore(card.root, this.list.children[index] ?? null)
      card.fill(facts)
    })
    this.#ages()
    this.#mark()
  }

  #ages() {
    for (const facts of this.value.cards) {
      const place = this.cards.get(facts.name)?.age
      if (!place) continue
      say(place, facts.lastChangeAt === null ? "no change seen" : ago(facts.lastChangeAt))
      if (place.at === facts.lastChangeAt) continue
      place.at = facts.lastChangeAt
      place.title = exact(facts.lastChangeAt)
    }
  }
}

function cardOf(facts) {
  const root = make("button", "card")
  root.dataset.name = facts.name
  const [name, fresh, total, line, foot, rate, age] = [
    make("div", "name"), make("div", "fresh"), make("div", "count"), spark(), make("div", "foot"), make("span", ""), make("span", ""),
  ]
  name.textContent = facts.label
  name.title = facts.name
  const number = make("span", "")
  const unit = make("small", "")
  total.append(number, " ", unit)
  foot.append(rate, age)
  root.append(name, fresh, total, line, foot)
  return {
    root,
    age,
    fill(now) {
      root.className = `card ${now.tone}`
      say(fresh, `${now.symbol} ${freshness(now)}`)
      say(number, count(now.count))
      say(unit, now.count === 1 ? "document" : "documents")
      say(rate, `${count(now.ratePerMin)} a minute`)
      drawSpark(line, now.spark)
    },
  }
}

function lineOf(facts) {
  const root = make("button", "line")
  root.dataset.name = facts.name
  root.title = `Open ${facts.label}`
  const [words, name, sub, line, much, share] = [
    make("div", "words"), make("div", "name"), make("div", "sub"), spark(), make("div", "much"), make("div", "share"),
  ]
  const number = make("span", "")
  const unit = make("small", "", "in 1 hour")
  const state = make("span", "fresh")
  const rest = make("span", "")
  name.textContent = facts.label
  sub.append(state, rest)
  words.append(name, sub)
  much.append(number, unit)
  root.append(words, line, much, share)
  return {
    root,
    age: null,
    fill(now) {
      root.className = `line ${now.tone}`
      say(state, `${now.symbol} ${freshness(now)}`)
      say(rest, ` · ${count(now.count)} ${now.count === 1 ? "document" : "documents"}`)
      say(number, count(now.lastHour))
      drawSpark(line, now.spark)
      share.style.width = `${Math.round(now.share * 100)}%`
    },
  }
}

const freshness = (card) => (card.staleSince === null ? card.freshness : `${card.freshness} since ${at(card.staleSince)}`)
