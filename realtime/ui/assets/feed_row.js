// One row of the feed as an element. Knows no feed and no channel.

import { make } from "./dom.js";
import { at as clockTime, count, exact, moment } from "./format.js";

/** Make a row's article. What an event says is only ever text. */
export function makeArticle(row) {
  const article = make("article", row.tone ?? "");
  article.row = row;
  article.tabIndex = 0;
  article.dataset.key = row.key;
  article.setAttribute("aria-expanded", "false");
  article.setAttribute("aria-setsize", "-1"); // no end: the feed goes on
  const time = make("time");
  time.dateTime = new Date(row.at).toISOString();
  time.title = exact(row.at);
  const kind = make("span", "kind", `${row.symbol} ${row.word}`);
  const what = make("span", "what");
  what.append(make("b", "", row.title), make("span", "", row.span ? `(${spanText(row.span)})` : row.detail));
  if (row.count > 1) what.prepend(make("span", "count", `×${count(row.count)}`));
  if (row.late || row.future) what.append(make("span", "mark", row.late ? "late" : "in the future"));
  const where = make("span", "where", [row.channel, row.actor === row.title ? "" : row.actor].filter(Boolean).join(" · "));
  where.title = where.textContent;
  article.append(time, kind, what, where);
  article.setAttribute("aria-label", `${row.word} ${row.title}`);
  return article;
}

/** Make what an open group shows: its newest events. */
function makeLines(row, more) {
  const list = make("ol");
  for (const line of row.lines) {
    const place = make("li", line.tone);
    const time = make("time", "", clockTime(line.at));
    time.dateTime = new Date(line.at).toISOString();
    time.title = exact(line.at);
    place.append(time, make("span", "kind", `${line.symbol} ${line.word}`), make("span", "text", line.text));
    list.append(place);
  }
  more.append(list);
  if (row.more) more.append(make("div", "rest", `and ${count(row.more)} older`));
  return more;
}

function spanText([since, until]) {
  return since === until ? moment(until) : `${moment(since)} – ${moment(until)}`;
}

/** Make what an open row shows besides. */
export function makeDetails(row) {
  const more = make("div", "more");
  if (row.lines) return makeLines(row, more);
  const list = make("dl");
  const lines = {
    Time: exact(row.at),
    Channel: row.channel,
    By: row.actor,
    Changed: (row.changed ?? []).join(", "),
    Late: row.late ? "arrived more than a minute after it happened" : "",
    Future: row.future ? "its time lies in the future: check the producer's clock" : "",
  };
  for (const [name, text] of Object.entries(lines)) {
    if (!text) continue;
    const line = make("div");
    line.append(make("dt", "", name), make("dd", "", text));
    list.append(line);
  }
  more.append(list);
  return more;
}
