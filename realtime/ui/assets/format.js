// Writes values for people: numbers, times, booleans, anything of JSON. Knows no DOM and no channel.

const locale = () => document.documentElement.lang || navigator.language || "en"
// "min2" groups from 10,000 on, so that years and flight numbers stay as they are.
const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 4, useGrouping: "min2" })
const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }
const day = { day: "numeric", month: "short" }
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC"

/** Write a number, grouped from 10,000 on. */
export const number = (value) => (Number.isFinite(value) ? plain.format(value).replace("-", "−") : "–")

/** Write a count with thousands separators always. */
export const count = (value) => Math.round(value).toLocaleString("en")

/** Write how long ago `at` (unix ms) was; from a day on, the date and time. */
export function ago(at, now = Date.now()) {
  if (at === null || at === undefined) return "–"
  const seconds = Math.round((now - at) / 1000)
  if (seconds < -5) return `in ${span(-seconds)}`
  if (seconds < 2) return "now"
  return seconds < 86400 ? `${span(seconds)} ago` : moment(at, now)
}

/** Write a length of time in its largest units. */
export function span(seconds) {
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d`
}

/** Write a moment (unix ms) in the reader's zone; the year only when it isn't this one. */
export function moment(at, now = Date.now()) {
  const then = new Date(at)
  const year = then.getFullYear() === new Date(now).getFullYear() ? {} : { year: "numeric" }
  return then.toLocaleString(locale(), { ...day, ...year, ...clock })
}

/** Write the time of day in the reader's zone; the date too when it isn't today's. */
export function at(moment_, now = Date.now()) {
  const then = new Date(moment_)
  const isToday = then.toDateString() === new Date(now).toDateString()
  return isToday ? then.toLocaleTimeString(locale(), clock) : moment(moment_, now)
}

/** Write hours and minutes in the reader's zone. */
export const hourMinute = (at_) =>
  new Date(at_).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })

/** Write a moment to come to the minute; the day only when it isn't today. */
export function shortly(at, now = Date.now()) {
  const then = new Date(at)
  const isToday = then.toDateString() === new Date(now).toDateString()
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
  return then.toLocaleString(locale(), isToday ? time : { weekday: "short", ...day, ...time })
}

/** Write a moment in full, with the zone's name: what a hover shows. */
export function exact(at) {
  if (at === null || at === undefined) return "time not known"
  return `${new Date(at).toLocaleString(locale(), { ...day, year: "numeric", ...clock, fractionalSecondDigits: 3 })} ${ZONE}`
}

/** Write one JSON value on one line, as its column's kind wants it. */
export function cell(value, kind) {
  if (value === null || value === undefined) return "–"
  if (typeof value === "boolean") return value ? "✓ yes" : "✕ no"
  if (typeof value === "number") return number(value)
  if (typeof value === "string") {
    if (kind !== "time") return value
    const at = Date.parse(value)
    return Number.isNaN(at) ? value : shortMoment(at, value)
  }
  return JSON.stringify(value)
}

function shortMoment(at, text) {
  // A time without an offset is nobody's local time: show it as it stands.
  if (!/(Z|[+-]\d\d:?\d\d)$/.test(text)) return text.replace("T", " ")
  const then = new Date(at)
  const year = then.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }
  return then.toLocaleString(locale(), { ...day, ...year, hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
}

/** Name the reader's time zone. */
export const zone = () => ZONE
